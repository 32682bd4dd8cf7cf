package dev.regroup.cli.console;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine.TypeConversionException;

final class QuantityTest {
  @ParameterizedTest
  @CsvSource({
    "5GB, 5000000000",
    "5GiB, 5368709120",
    "1.5 kb, 1500",
    "512MiB, 536870912",
    "123, 123",
    "7B, 7"
  })
  void readsSizes(String text, long expected) {
    assertThat(new Quantity.Bytes().convert(text)).isEqualTo(expected);
  }

  @ParameterizedTest
  @CsvSource({"64K, 65536", "64k, 65536", "2M, 2097152", "1000, 1000"})
  void readsCountsInStepsOf1024(String text, long expected) {
    assertThat(new Quantity.Count().convert(text)).isEqualTo(expected);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "GB", "-5GB", "5XB", "0.3B", "99999999TB", "5 0GB"})
  void refusesWhatIsNoSize(String text) {
    assertThatThrownBy(() -> new Quantity.Bytes().convert(text))
        .isInstanceOf(TypeConversionException.class)
        .hasMessageContaining("such as 5GB")
        .hasMessageContaining("'" + text + "'");
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0 B",
    "999, 999 B",
    "1000, 1.00 kB",
    "17817600, 17.8 MB",
    "999999999, 1.00 GB",
    "472000000000, 472 GB"
  })
  void writesSizesWithThreeDigits(long bytes, String expected) {
    assertThat(Quantity.bytes(bytes)).isEqualTo(expected);
  }

  @ParameterizedTest
  @CsvSource({"0.8, 0.8 s", "47, 47 s", "185, 3 min 05 s", "7800, 2 h 10 min"})
  void writesTimeSpans(double seconds, String expected) {
    assertThat(Quantity.duration(seconds)).isEqualTo(expected);
  }

  @Test
  void writesNumbersWithThreeDigits() {
    assertThat(Quantity.significant(0)).isEqualTo("0");
    assertThat(Quantity.significant(-12.345)).isEqualTo("-12.3");
    assertThat(Quantity.significant(0.05432)).isEqualTo("0.0543");
    assertThat(Quantity.significant(2.7e-9)).isEqualTo("2.70e-09");
  }
}
