import com.google.googlejavaformat.java.Formatter;
import com.google.googlejavaformat.java.FormatterException;
import com.google.googlejavaformat.java.JavaFormatterOptions;
import com.google.googlejavaformat.java.RemoveUnusedImports;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/// Checks that every Java file of the repository has the one format, or gives it that format.
///
/// Runs from source in the build's JVM: `java -cp google-java-format.jar build/Format.java check .`
/// Exit codes: 0 all is well, 1 a file differs (`check`) or does not parse.
final class Format {
  private final Path root;

  /// Leaves documentation comments alone: their tables and formulas are laid out by hand.
  private final Formatter formatter =
      new Formatter(JavaFormatterOptions.builder().formatJavadoc(false).build());

  private Format(Path root) {
    this.root = root;
  }

  public static void main(String[] args) throws IOException {
    boolean apply = args[0].equals("apply");
    var format = new Format(Path.of(args[1]));
    long wrong =
        format.sources().parallelStream().filter(file -> !format.isRight(file, apply)).count();
    if (wrong > 0) {
      System.err.println(wrong + " Java files are not in format -> run ./format");
      System.exit(1);
    }
  }

  /// Every Java file that is not a build product.
  private List<Path> sources() throws IOException {
    try (Stream<Path> files = Files.walk(root)) {
      return files
          .filter(file -> file.toString().endsWith(".java"))
          .filter(
              file ->
                  !root.relativize(file).toString().matches("(.*[/\\\\])?(target|\\.git)[/\\\\].*"))
          .sorted()
          .toList();
    }
  }

  /// Whether the file has its format, afterwards where `apply` is set.
  private boolean isRight(Path file, boolean apply) {
    try {
      String before = Files.readString(file);
      String after =
          formatter.formatSourceAndFixImports(RemoveUnusedImports.removeUnusedImports(before));
      if (!before.equals(after) && apply) {
        Files.writeString(file, after);
      } else if (!before.equals(after)) {
        System.err.println(root.relativize(file) + ": not in format");
        return false;
      }
      return true;
    } catch (FormatterException e) {
      System.err.println(root.relativize(file) + ":" + e.getMessage());
      return false;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
