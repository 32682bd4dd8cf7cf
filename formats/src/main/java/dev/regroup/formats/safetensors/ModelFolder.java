package dev.regroup.formats.safetensors;

import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.DiskFailure;
import dev.regroup.formats.checkpoint.ModelConfig;
import dev.regroup.formats.checkpoint.Quoted;
import dev.regroup.formats.checkpoint.UnsupportedModelException;
import dev.regroup.formats.manifest.Manifest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/// What a model's path holds, from names alone: which files are weights, which go along.
///
/// @param shards files to read tensors from, in name order
record ModelFolder(
    Path path,
    Optional<ModelConfig> config,
    Optional<ShardIndex> index,
    List<Path> shards,
    List<Path> sideFiles,
    List<String> warnings) {
  private static final String SINGLE = "model.safetensors";
  private static final String CONFIG = "config.json";

  /// Weights in formats that are not read, which no output directory should inherit.
  private static final List<String> OTHER_WEIGHTS =
      List.of(".bin", ".pt", ".pth", ".ckpt", ".gguf", ".h5", ".msgpack", ".onnx", ".ot");

  static ModelFolder look(Path path) {
    if (Files.isDirectory(path)) {
      return lookInto(path);
    }
    if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
      throw new CheckpointException(path + ": no such file or directory");
    }
    return new ModelFolder(
        path, Optional.empty(), Optional.empty(), List.of(path), List.of(), List.of());
  }

  private static ModelFolder lookInto(Path folder) {
    List<Path> names = list(folder);
    List<String> warnings = new ArrayList<>();
    Path indexFile = folder.resolve(ShardIndex.FILE);
    boolean indexed = Files.exists(indexFile, LinkOption.NOFOLLOW_LINKS);
    Optional<ShardIndex> index =
        indexed ? Optional.of(ShardIndex.read(indexFile)) : Optional.empty();
    index.ifPresent(found -> warnings.addAll(found.oddities()));
    List<Path> shards =
        index.isPresent() ? indexedFiles(folder, index.get()) : singleFile(folder, names);
    List<Path> sideFiles = new ArrayList<>();
    for (Path name : names) {
      Path file = folder.resolve(name);
      if (isWeights(name) && !shards.contains(file)) {
        warnings.add("%s: ignored: not in %s".formatted(file, indexed ? "the index" : SINGLE));
      } else if (isSideFile(file)) {
        sideFiles.add(name);
      }
    }
    Path config = folder.resolve(CONFIG);
    return new ModelFolder(
        folder,
        Files.exists(config, LinkOption.NOFOLLOW_LINKS)
            ? Optional.of(ModelConfig.read(config))
            : Optional.empty(),
        index,
        shards,
        List.copyOf(sideFiles),
        List.copyOf(warnings));
  }

  /// This folder once the headers of its shards are known: the index must say the same.
  ModelFolder checkedAgainst(List<OpenShard> open) {
    List<String> all = new ArrayList<>(warnings);
    index.ifPresent(found -> all.addAll(IndexCheck.run(path, found, open)));
    for (OpenShard shard : open) {
      shard.header().oddities().forEach(oddity -> all.add(shard.file() + ": " + oddity));
    }
    return new ModelFolder(path, config, index, shards, sideFiles, List.copyOf(all));
  }

  private static List<Path> list(Path folder) {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(Path::getFileName).sorted().toList();
    } catch (IOException e) {
      throw DiskFailure.at(folder, e);
    }
  }

  private static List<Path> indexedFiles(Path folder, ShardIndex index) {
    Set<Path> files = new LinkedHashSet<>();
    index.weightMap().values().stream()
        .sorted()
        .forEach(name -> files.add(folder.resolve(name).normalize()));
    List<String> missing =
        files.stream()
            .filter(file -> !Files.exists(file, LinkOption.NOFOLLOW_LINKS))
            .map(file -> folder.relativize(file).toString())
            .toList();
    if (!missing.isEmpty()) {
      throw new CheckpointException(
          "%s: %d of %d shards are missing: %s -> an incomplete download? download them again"
              .formatted(
                  folder, missing.size(), files.size(), Quoted.line(String.join(", ", missing))));
    }
    return List.copyOf(files);
  }

  private static List<Path> singleFile(Path folder, List<Path> names) {
    List<Path> candidates =
        names.stream().filter(name -> name.toString().endsWith(ShardName.SUFFIX)).toList();
    Path single = Path.of(SINGLE);
    if (candidates.contains(single)) {
      return List.of(folder.resolve(single));
    }
    if (candidates.size() == 1) {
      return List.of(folder.resolve(candidates.getFirst()));
    }
    if (candidates.isEmpty()) {
      throw noWeights(folder, names);
    }
    throw new CheckpointException(
        "%s: expected %s or %s, found neither beside %d other safetensors files"
            .formatted(folder, SINGLE, ShardIndex.FILE, candidates.size()));
  }

  private static RuntimeException noWeights(Path folder, List<Path> names) {
    List<Path> others = names.stream().filter(ModelFolder::isWeights).toList();
    if (others.isEmpty()) {
      return new CheckpointException(
          "%s: expected a model, found no %s and no index of shards".formatted(folder, SINGLE));
    }
    String first = others.getFirst().toString();
    return new UnsupportedModelException(
        first.endsWith(".bin") || first.endsWith(".pt") || first.endsWith(".pth")
            ? "%s: PyTorch checkpoints (%s) are not read yet".formatted(folder, first)
                + " -> load it with transformers and save_pretrained(), which writes safetensors"
            : "%s: expected safetensors weights, found %s".formatted(folder, first));
  }

  private static boolean isWeights(Path name) {
    String text = name.toString();
    return text.endsWith(ShardName.SUFFIX) || OTHER_WEIGHTS.stream().anyMatch(text::endsWith);
  }

  private static boolean isSideFile(Path file) {
    String name = file.getFileName().toString();
    return !isWeights(file.getFileName())
        && !name.startsWith(".")
        && !name.equals(CONFIG)
        && !name.equals(Manifest.FILE) // of this folder's bytes, and of no other's
        && !name.endsWith(".index.json")
        && Files.isRegularFile(file);
  }
}
