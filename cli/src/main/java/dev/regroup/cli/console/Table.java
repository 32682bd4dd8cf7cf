package dev.regroup.cli.console;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/// Rows of cells in aligned columns: a column of numbers to the right, any other to the left.
public final class Table {
  private static final Pattern NUMBER =
      Pattern.compile("-?[\\d,.]+(e[+-]?\\d+)?x?( (%|[kMGTP]?B|s))?|-|");

  private final List<List<String>> rows = new ArrayList<>();

  /// A table with a heading.
  public Table(String... heading) {
    rows.add(List.of(heading));
  }

  /// Adds a row; it may be shorter than the heading, not longer.
  public Table row(Object... cells) {
    if (cells.length > rows.getFirst().size()) {
      throw new IllegalArgumentException(
          "expected at most %d cells, found %d".formatted(rows.getFirst().size(), cells.length));
    }
    var row = new ArrayList<String>();
    for (Object cell : cells) {
      row.add(cell.toString());
    }
    rows.add(row);
    return this;
  }

  /// The lines, each indented by two spaces and without trailing ones.
  public List<String> lines() {
    int columns = rows.getFirst().size();
    var lines = new ArrayList<String>();
    for (List<String> row : rows) {
      var line = new StringBuilder();
      for (int c = 0; c < columns; c++) {
        line.append("  ").append(padded(c < row.size() ? row.get(c) : "", c));
      }
      lines.add(line.toString().stripTrailing());
    }
    return lines;
  }

  private String padded(String cell, int column) {
    String padding = " ".repeat(width(column) - cell.length());
    return isNumeric(column) ? padding + cell : cell + padding;
  }

  private int width(int column) {
    return cells(column).stream().mapToInt(String::length).max().orElse(0);
  }

  private boolean isNumeric(int column) {
    return cells(column).stream().skip(1).allMatch(cell -> NUMBER.matcher(cell).matches());
  }

  private List<String> cells(int column) {
    return rows.stream().filter(row -> column < row.size()).map(row -> row.get(column)).toList();
  }
}
