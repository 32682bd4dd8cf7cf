package dev.regroup.formats.architecture;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/// The Python files by which transformers loads a {@link Regrouped} model (`trust_remote_code`): its
/// reading of {@link AttentionJson}. Every output of ours carries them.
public final class ModellingFiles {
  /// Names of the files, side by side in a model's folder.
  public static final List<String> NAMES =
      List.of("attention_regroup.py", "configuration_regroup.py", "modeling_regroup.py");

  /// `auto_map`: the class for each of transformers' automatic ones.
  static final SortedMap<String, String> CLASSES =
      new TreeMap<>(
          java.util.Map.of(
              "AutoConfig", "configuration_regroup.RegroupConfig",
              "AutoModel", "modeling_regroup.RegroupModel",
              "AutoModelForCausalLM", "modeling_regroup.RegroupForCausalLM"));

  private ModellingFiles() {}

  /// The bytes of a file.
  ///
  /// @param name one of {@link #NAMES}
  public static byte[] bytes(String name) {
    try (InputStream in = ModellingFiles.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new IllegalArgumentException("no modelling file \"" + name + "\"");
      }
      return in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
