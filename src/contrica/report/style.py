"""The style sheet of the page: two palettes, one column that fits a telephone, figures of equal width.

Nothing is loaded from elsewhere. Colours of text on their ground have a contrast of at least 4.5 (WCAG 2.1, 1.4.3).
"""

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #fdfdfb; --panel: #f4f5f2; --ink: #1b2430; --muted: #566170; --line: #d7dbdf; --rail: #c3c9cf;
  --blue: #0b62a4; --violet: #6b3fa0; --orange: #b4500b; --good: #17693c; --part: #7d5700; --bad: #ad2217;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #13171c; --panel: #1b2027; --ink: #e4e8ec; --muted: #9ba6b2; --line: #303841; --rail: #46505b;
    --blue: #63b3ec; --violet: #b99be0; --orange: #f29a5c; --good: #6cc993; --part: #e0b354; --bad: #f28b80;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 2rem 1rem 4rem; max-width: 62rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere;
}
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .4rem; text-wrap: balance; }
h2 { font-size: 1.2rem; margin: 2.6rem 0 .6rem; padding-top: .9rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.8rem 0 .4rem; }
p, ul, dl { max-width: 46rem; margin: .5rem 0; }
.sub, figcaption, .note { color: var(--muted); font-size: .9rem; }
.lead { font-size: 1.05rem; }
.verdict { border-left: 4px solid var(--tone); padding: .15rem 0 .15rem .9rem; margin: 1.2rem 0; max-width: 47rem; }
.verdict p { margin: .25rem 0; }
.verdict strong { color: var(--tone); font-weight: 650; }
.recovered { --tone: var(--good); } .mixed, .nearly { --tone: var(--part); } .missed { --tone: var(--bad); }
.tally { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .3rem 1.4rem; }
.tally li, .state { color: var(--tone); font-weight: 600; }
.pair { display: grid; gap: 1.2rem 2rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); }
.squares { display: grid; gap: .8rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 9.5rem), 1fr)); }
.squares.few { grid-template-columns: repeat(auto-fill, minmax(min(100%, 9.5rem), 17rem)); }
.single { max-width: 36rem; }
figure { margin: 1rem 0; min-width: 0; }
figcaption { margin-top: .4rem; max-width: 46rem; }
.plot { display: block; width: 100%; height: auto; max-width: 30rem; overflow: hidden; }
.squares .plot { max-width: 17rem; }
.photograph .plot { max-width: 52rem; }
.plot text { font: 11px system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif; fill: var(--ink); }
.plot .tick { fill: var(--muted); font-size: 10px; }
.plot .value { font-weight: 650; }
.plot .label { font-size: 11.5px; }
.grid { stroke: var(--line); stroke-width: .8; }
.rail { stroke: var(--rail); stroke-width: 1.4; }
.frame { fill: none; stroke: var(--line); }
.whisker { stroke: var(--blue); stroke-width: 3; stroke-linecap: round; opacity: .55; }
.score { fill: var(--blue); }
.floor { fill: var(--paper); stroke: var(--orange); stroke-width: 1.4; }
.optimum { stroke: var(--orange); stroke-width: 1.3; stroke-dasharray: 5 4; }
.plot .optimum-label { fill: var(--orange); }
.curve { fill: none; stroke: var(--blue); stroke-width: 1.6; stroke-linejoin: round; }
.point { fill: var(--blue); }
.error-bar { stroke: var(--ink); stroke-width: 1.6; stroke-linecap: round; opacity: .65; }
.cloud { fill: none; stroke: var(--blue); stroke-width: 2.4; stroke-linecap: round; opacity: .45; }
.error-casing { fill: none; stroke: #10151b; stroke-width: 3.4; stroke-linecap: round; opacity: .75; }
.error { fill: none; stroke: #ffd84d; stroke-width: 1.8; stroke-linecap: round; }
.true-position { fill: #fff; stroke: #10151b; stroke-width: 1.1; }
.window { fill: none; stroke: #fff; stroke-width: 2; stroke-dasharray: 8 5; }
.code-dots { fill: none; stroke-width: 3.4; stroke-linecap: round; opacity: .85; }
.chart .plot { max-width: 40rem; } .wide > .plot { max-width: none; min-width: 46rem; }
.series-0 { --tone: var(--blue); } .series-1 { --tone: var(--bad); } .series-2 { --tone: var(--good); }
.series-3 { --tone: var(--violet); } .series-4 { --tone: var(--part); } .series-5 { --tone: var(--muted); }
.series { fill: none; stroke: var(--tone); stroke-width: 1.6; stroke-linejoin: round; }
.dot { fill: var(--tone); } .range { stroke: var(--tone); stroke-width: 2.6; stroke-linecap: round; opacity: .5; }
.shade-none { fill: var(--panel); } .shade-0 { fill: #7d1d1d; } .shade-1 { fill: #a8402a; } .shade-2 { fill: #c8703a; }
.shade-3 { fill: #e0a458; } .shade-4 { fill: #e9cf8a; } .shade-5 { fill: #b9d8ae; } .shade-6 { fill: #7fbf9a; }
.shade-7 { fill: #3f9c80; }
.plot .shade-0-text, .plot .shade-1-text, .plot .shade-2-text { fill: #fff; }
.plot .shade-3-text, .plot .shade-4-text, .plot .shade-5-text { fill: #10151b; }
.plot .shade-6-text, .plot .shade-7-text { fill: #10151b; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; font-size: .9rem; color: var(--muted); max-width: none; }
.key { display: inline-flex; align-items: center; gap: .4rem; }
.mark { width: 1rem; height: 1rem; flex: none; }
.wide { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; overflow-wrap: normal; }
th, td { padding: .4rem .7rem .4rem 0; text-align: right; vertical-align: top; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; }
th:last-child, td:last-child { padding-right: 0; }
thead th { vertical-align: bottom; font-weight: 600; color: var(--muted); }
tbody th { font-weight: 600; min-width: 9.5rem; }
tr.floor-row th, tr.floor-row td { color: var(--muted); font-weight: 400; }
td small { display: block; color: var(--muted); white-space: nowrap; }
.beside td { white-space: nowrap; }
tbody th .state { display: block; font-size: .85em; font-weight: 400; }
details { border-top: 1px solid var(--line); }
details:last-of-type { border-bottom: 1px solid var(--line); }
summary { cursor: pointer; padding: .7rem 0; font-weight: 600; }
summary .state { font-weight: 400; margin-left: .5rem; }
summary:focus-visible { outline: 2px solid var(--blue); outline-offset: 2px; }
details > :last-child { margin-bottom: 1.6rem; }
code, pre { font: .9em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
pre { background: var(--panel); padding: .8rem 1rem; border-radius: 4px; white-space: pre-wrap; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.2rem; }
dt { color: var(--muted); } dd { margin: 0; }
@media (max-width: 34rem) {
  .squares, .squares.few { grid-template-columns: 1fr 1fr; }
  body { padding-top: 1.2rem; }
  dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; }
}
@media print { details:not([open]) > :not(summary) { display: block; } }
"""
