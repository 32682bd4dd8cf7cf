package dev.regroup.verify.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// A bar chart as inline SVG, drawn from zero, in the colours of the page around it.
///
/// @param title what is shown, with its unit
/// @param xTitle what the bars are
/// @param bars left to right
record BarChart(String title, String xTitle, List<Bar> bars) {
  private static final double WIDTH = 720;
  private static final double HEIGHT = 250;
  private static final double LEFT = 64;
  private static final double RIGHT = 8;
  private static final double TOP = 12;
  private static final double BOTTOM = 46;

  /// Labels closer than this, in pixels, would run into each other.
  private static final double LABEL_SPACE = 46;

  BarChart {
    bars = List.copyOf(bars);
  }

  /// @param low lower end of the whisker; NaN for none
  /// @param high upper end of the whisker; NaN for none
  record Bar(String label, double value, double low, double high) {
    static Bar plain(String label, double value) {
      return new Bar(label, value, Double.NaN, Double.NaN);
    }
  }

  String svg() {
    double top = axisTop();
    var svg = new StringBuilder();
    svg.append(
        ("<figure><figcaption>%s</figcaption><svg viewBox=\"0 0 %s %s\" role=\"img\""
                + " aria-label=\"%s\">")
            .formatted(Markup.escape(title), pixel(WIDTH), pixel(HEIGHT), Markup.escape(title)));
    appendGrid(svg, top);
    for (int i = 0; i < bars.size(); i++) {
      appendBar(svg, i, top);
    }
    svg.append(
        "<text class=\"axis\" x=\"%s\" y=\"%s\" text-anchor=\"middle\">%s</text>"
            .formatted(
                pixel((LEFT + WIDTH - RIGHT) / 2), pixel(HEIGHT - 6), Markup.escape(xTitle)));
    return svg.append("</svg></figure>\n").toString();
  }

  private double axisTop() {
    double max = 0;
    for (Bar bar : bars) {
      max = Math.max(max, finite(bar.value()));
      max = Math.max(max, finite(bar.high()));
    }
    return max == 0 ? 1 : max * 1.05;
  }

  private void appendGrid(StringBuilder svg, double top) {
    for (double tick : ticks(top)) {
      String y = pixel(y(tick, top));
      svg.append(
          ("<line class=\"grid\" x1=\"%s\" x2=\"%s\" y1=\"%s\" y2=\"%s\"/>"
                  + "<text class=\"axis\" x=\"%s\" y=\"%s\" dy=\"0.32em\" text-anchor=\"end\">%s"
                  + "</text>")
              .formatted(
                  pixel(LEFT),
                  pixel(WIDTH - RIGHT),
                  y,
                  y,
                  pixel(LEFT - 6),
                  y,
                  Numbers.round(tick)));
    }
  }

  private void appendBar(StringBuilder svg, int index, double top) {
    Bar bar = bars.get(index);
    double step = (WIDTH - LEFT - RIGHT) / bars.size();
    double middle = LEFT + (index + 0.5) * step;
    double width = Math.min(48, 0.74 * step);
    double y = y(finite(bar.value()), top);
    svg.append(
        ("<rect class=\"bar\" x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\"><title>%s: %s"
                + "</title></rect>")
            .formatted(
                pixel(middle - width / 2),
                pixel(y),
                pixel(width),
                pixel(y(0, top) - y),
                Markup.escape(bar.label()),
                Numbers.of(bar.value())));
    if (Double.isFinite(bar.low()) && Double.isFinite(bar.high())) {
      svg.append(
          "<line class=\"whisker\" x1=\"%s\" x2=\"%s\" y1=\"%s\" y2=\"%s\"/>"
              .formatted(
                  pixel(middle),
                  pixel(middle),
                  pixel(y(Math.max(0, bar.low()), top)),
                  pixel(y(bar.high(), top))));
    }
    int every = (int) Math.max(1, Math.ceil(LABEL_SPACE / step));
    if (index % every == 0) {
      svg.append(
          "<text class=\"axis\" x=\"%s\" y=\"%s\" text-anchor=\"middle\">%s</text>"
              .formatted(pixel(middle), pixel(HEIGHT - BOTTOM + 16), Markup.escape(bar.label())));
    }
  }

  /// Three to seven round numbers from 0 up.
  private static List<Double> ticks(double top) {
    double power = Math.pow(10, Math.floor(Math.log10(top)));
    double lead = top / power;
    double step = power * (lead < 1.5 ? 0.25 : lead < 3.5 ? 0.5 : lead < 7 ? 1 : 2);
    var ticks = new ArrayList<Double>();
    for (int i = 0; i * step <= top; i++) {
      ticks.add(i * step);
    }
    return ticks;
  }

  private static double y(double value, double top) {
    return HEIGHT - BOTTOM - value / top * (HEIGHT - BOTTOM - TOP);
  }

  private static double finite(double value) {
    return Double.isFinite(value) ? value : 0;
  }

  private static String pixel(double value) {
    return String.format(Locale.ROOT, "%.1f", value);
  }
}
