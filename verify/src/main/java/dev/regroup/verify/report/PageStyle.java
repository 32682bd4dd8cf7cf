package dev.regroup.verify.report;

/// How the page looks, in light and in dark.
final class PageStyle {
  static final String CSS =
      """
      :root { color-scheme: light dark;
        --ink: light-dark(#1b1f24, #e6e8eb); --soft: light-dark(#5b6470, #9aa4b0);
        --paper: light-dark(#ffffff, #14171a); --line: light-dark(#dde1e6, #30363d);
        --bar: light-dark(#3b6fb6, #6ea0e0); --pass: light-dark(#1a7f45, #46b97c);
        --fail: light-dark(#b3261e, #f2776d); --open: light-dark(#8a6100, #d9ab3f); }
      body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
        max-width: 960px; margin: 0 auto; padding: 24px 16px 48px; }
      header { border-left: 6px solid var(--open); padding: 4px 16px; margin-bottom: 24px; }
      header h1 { margin: 0; font-size: 28px; color: var(--open); }
      header.pass { border-color: var(--pass); } header.pass h1 { color: var(--pass); }
      header.fail { border-color: var(--fail); } header.fail h1 { color: var(--fail); }
      header p { margin: 0; }
      dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 16px; margin: 0; }
      dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
      h2 { font-size: 18px; margin: 32px 0 8px; }
      .wide { overflow-x: auto; }
      table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
      th, td { text-align: left; padding: 5px 12px 5px 0; border-bottom: 1px solid var(--line);
        vertical-align: top; }
      th { font-weight: 500; color: var(--soft); }
      .status { font-weight: 600; } .status.pass { color: var(--pass); }
      .status.fail { color: var(--fail); } .status.inconclusive { color: var(--open); }
      .status.skipped, .status.measured { color: var(--soft); }
      figure { margin: 16px 0 24px; } figcaption { margin-bottom: 4px; }
      svg { width: 100%; height: auto; display: block; }
      .bar { fill: var(--bar); } .grid { stroke: var(--line); }
      .whisker { stroke: var(--ink); stroke-width: 1.5; }
      .axis { fill: var(--soft); font: 11px system-ui, sans-serif; }
      details { margin-top: 24px; } summary { cursor: pointer; }
      footer { color: var(--soft); font-size: 13px; margin-top: 32px; }
      """;

  private PageStyle() {}
}
