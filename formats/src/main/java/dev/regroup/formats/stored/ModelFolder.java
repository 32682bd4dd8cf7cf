package dev.regroup.formats.stored;

import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.ModelConfig;
import dev.regroup.formats.checkpoint.ModelFiles;
import dev.regroup.formats.checkpoint.OpenShard;
import dev.regroup.formats.checkpoint.Quoted;
import dev.regroup.formats.checkpoint.UnsupportedModelException;
import dev.regroup.formats.manifest.Manifest;
import dev.regroup.formats.safetensors.ShardIndex;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/// What a model's files are, from names alone: which are weights, and which go along.
///
/// @param shards names of files to read tensors from, in name order
record ModelFolder(
    ModelFiles files,
    Optional<ModelConfig> config,
    WeightFormat format,
    Optional<ShardIndex> index,
    List<Path> shards,
    List<Path> sideFiles,
    List<String> warnings) {
  private static final Path CONFIG = Path.of("config.json");

  /// Weights, which no output directory should inherit.
  private static final List<String> WEIGHTS =
      List.of(
          ".safetensors",
          ".bin",
          ".pt",
          ".pth",
          ".ckpt",
          ".gguf",
          ".h5",
          ".msgpack",
          ".onnx",
          ".ot");

  static ModelFolder look(ModelFiles files) {
    List<Path> names = files.names();
    WeightFormat format = format(files, names);
    List<String> warnings = new ArrayList<>();
    Optional<ShardIndex> index =
        files.exists(format.index())
            ? Optional.of(ShardIndex.read(files.file(format.index()), format.suffix()))
            : Optional.empty();
    index.ifPresent(found -> warnings.addAll(found.oddities()));
    List<Path> shards =
        index.isPresent() ? indexedFiles(files, index.get()) : singleFile(files, format, names);
    List<Path> sideFiles = new ArrayList<>();
    for (Path name : names) {
      if (isWeights(name) && !shards.contains(name)) {
        warnings.add(
            "%s: ignored: not in %s"
                .formatted(files.nameOf(name), index.isPresent() ? "the index" : format.single()));
      } else if (isSideFile(files, name)) {
        sideFiles.add(name);
      }
    }
    return new ModelFolder(
        files,
        files.exists(CONFIG) ? Optional.of(config(files)) : Optional.empty(),
        format,
        index,
        shards,
        List.copyOf(sideFiles),
        List.copyOf(warnings));
  }

  /// What is odd but not wrong once the files of tensors are open: the index must say the same as
  /// they do.
  List<String> warnings(List<OpenShard> open) {
    List<String> all = new ArrayList<>(warnings);
    index.ifPresent(found -> all.addAll(new IndexCheck(files, format.index(), found).run(open)));
    for (OpenShard shard : open) {
      shard.oddities().forEach(oddity -> all.add(shard.file().name() + ": " + oddity));
    }
    return List.copyOf(all);
  }

  private static ModelConfig config(ModelFiles files) {
    return ModelConfig.read(files.file(CONFIG));
  }

  private static WeightFormat format(ModelFiles files, List<Path> names) {
    for (WeightFormat format : WeightFormat.values()) {
      if (files.exists(format.index()) || !candidates(format, names).isEmpty()) {
        return format;
      }
    }
    throw noWeights(files, names);
  }

  private static List<Path> candidates(WeightFormat format, List<Path> names) {
    Stream<Path> ending = names.stream().filter(name -> name.toString().endsWith(format.suffix()));
    return switch (format) {
      case SAFETENSORS -> ending.toList();
      // Trainers leave other files of this kind beside a model.
      case PYTORCH -> ending.filter(format.single()::equals).toList();
    };
  }

  private static List<Path> indexedFiles(ModelFiles files, ShardIndex index) {
    List<Path> shards =
        index.weightMap().values().stream()
            .distinct()
            .sorted()
            .map(name -> Path.of(name).normalize())
            .distinct()
            .toList();
    List<String> missing =
        shards.stream().filter(name -> !files.exists(name)).map(Path::toString).toList();
    if (!missing.isEmpty()) {
      throw new CheckpointException(
          "%s: %d of %d shards are missing: %s -> an incomplete download? download them again"
              .formatted(
                  files.path(),
                  missing.size(),
                  shards.size(),
                  Quoted.line(String.join(", ", missing))));
    }
    return shards;
  }

  private static List<Path> singleFile(ModelFiles files, WeightFormat format, List<Path> names) {
    List<Path> candidates = candidates(format, names);
    if (candidates.contains(format.single())) {
      return List.of(format.single());
    }
    if (candidates.size() == 1) {
      return List.of(candidates.getFirst());
    }
    throw new CheckpointException(
        "%s: expected %s or %s, found neither beside %d other safetensors files"
            .formatted(files.path(), format.single(), format.index(), candidates.size()));
  }

  private static RuntimeException noWeights(ModelFiles files, List<Path> names) {
    List<Path> others = names.stream().filter(ModelFolder::isWeights).toList();
    if (others.isEmpty()) {
      return new CheckpointException(
          "%s: expected a model, found no %s and no index of shards"
              .formatted(files.path(), WeightFormat.SAFETENSORS.single()));
    }
    return new UnsupportedModelException(
        "%s: expected %s, %s or an index of shards, found %s"
            .formatted(
                files.path(),
                WeightFormat.SAFETENSORS.single(),
                WeightFormat.PYTORCH.single(),
                others.getFirst()));
  }

  static boolean isWeights(Path name) {
    String text = name.toString();
    return WEIGHTS.stream().anyMatch(text::endsWith);
  }

  private static boolean isSideFile(ModelFiles files, Path file) {
    String name = file.getFileName().toString();
    return !isWeights(file)
        && !name.startsWith(".")
        && !file.equals(CONFIG)
        && !name.equals(Manifest.FILE) // of this folder's bytes, and of no other's
        && !name.endsWith(".index.json")
        && files.isSideFile(file);
  }
}
