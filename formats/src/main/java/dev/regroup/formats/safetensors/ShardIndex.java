package dev.regroup.formats.safetensors;

import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.JsonText;
import dev.regroup.formats.checkpoint.ModelConfig;
import dev.regroup.formats.checkpoint.ModelFile;
import dev.regroup.formats.checkpoint.Quoted;
import dev.regroup.formats.checkpoint.TextFile;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.SortedMap;
import java.util.TreeMap;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// A `model.safetensors.index.json`, or its twin for PyTorch's files: which file holds which tensor.
///
/// @param weightMap file by tensor name, sorted; files are relative to the index, with `/` between
///   folders, and never lead outside
/// @param totalSize bytes of all tensors (not of the files), where the index says it
/// @param oddities what is unusual about the index but no reason to refuse it, one line each
public record ShardIndex(
    SortedMap<String, String> weightMap, OptionalLong totalSize, List<String> oddities) {
  /// The name of an index beside the shards.
  public static final String FILE = "model.safetensors.index.json";

  /// Bytes of the largest index read: room for millions of tensors.
  private static final int MOST_BYTES = 256 << 20;

  private static final JsonFactory FACTORY = new JsonFactory();

  public ShardIndex {
    weightMap = Collections.unmodifiableSortedMap(new TreeMap<>(weightMap));
    oddities = List.copyOf(oddities);
  }

  /// Reads and checks an index; the files it names are not looked at.
  ///
  /// @param suffix of the files that it may name: `.safetensors` or `.bin`
  /// @throws CheckpointException where it is not an index, names a tensor twice, or a path that
  ///   leads outside
  public static ShardIndex read(ModelFile file, String suffix) {
    return parse(file.name(), TextFile.read(file, MOST_BYTES), suffix);
  }

  /// Checks the text of an index.
  ///
  /// @param file named in errors
  /// @param suffix of the files that it may name
  /// @throws CheckpointException as {@link #read} does
  public static ShardIndex parse(Path file, String text, String suffix) {
    try (JsonParser json = FACTORY.createParser(ObjectReadContext.empty(), text)) {
      return new Reading(file, json, suffix).read();
    } catch (JacksonException e) {
      throw new CheckpointException(file + ": " + JsonText.complaint(e), e);
    }
  }

  /// The text of an index for planned files, as transformers writes it: sorted, indented by 2.
  public static String render(ShardPlan plan) {
    SortedMap<String, String> files = new TreeMap<>();
    plan.files()
        .forEach(file -> file.tensors().forEach(info -> files.put(info.name(), file.name())));
    ObjectNode root = JsonNodeFactory.instance.objectNode();
    root.putObject("metadata")
        .put("total_parameters", plan.parameters())
        .put("total_size", plan.bytes());
    ObjectNode map = root.putObject("weight_map");
    files.forEach(map::put);
    return ModelConfig.render(root);
  }

  /// One pass over an index.
  private static final class Reading {
    private final Path file;
    private final JsonParser json;
    private final String suffix;
    private final SortedMap<String, String> weightMap = new TreeMap<>();
    private final Map<String, String> shards = new HashMap<>();
    private final List<String> oddities = new ArrayList<>();
    private OptionalLong totalSize = OptionalLong.empty();

    Reading(Path file, JsonParser json, String suffix) {
      this.file = file;
      this.json = json;
      this.suffix = suffix;
    }

    ShardIndex read() {
      require(json.nextToken() == JsonToken.START_OBJECT, "expected a JSON object");
      boolean map = false;
      boolean metadata = false;
      while (json.nextToken() != JsonToken.END_OBJECT) {
        String key = json.currentName();
        json.nextToken();
        switch (key) {
          case "weight_map" -> {
            require(!map, "\"weight_map\" appears twice");
            readWeightMap();
            map = true;
          }
          case "metadata" -> {
            require(!metadata, "\"metadata\" appears twice");
            readMetadata();
            metadata = true;
          }
          default -> json.skipChildren();
        }
      }
      require(json.nextToken() == null, "expected one JSON object, found more after it");
      require(map, "\"weight_map\" is missing");
      require(!weightMap.isEmpty(), "\"weight_map\" names no tensor");
      if (!metadata) {
        oddities.add(file + ": no \"metadata\"; transformers refuses to load such an index");
      }
      return new ShardIndex(weightMap, totalSize, oddities);
    }

    private void readWeightMap() {
      require(
          json.currentToken() == JsonToken.START_OBJECT,
          "\"weight_map\": expected an object of tensor names and files");
      while (json.nextToken() != JsonToken.END_OBJECT) {
        String tensor = json.currentName();
        json.nextToken();
        if (json.currentToken() != JsonToken.VALUE_STRING) {
          throw wrong(tensor, "expected a file name");
        }
        if (weightMap.put(tensor, shard(tensor, json.getString())) != null) {
          throw wrong(tensor, "appears twice in \"weight_map\"");
        }
      }
    }

    // A million tensors share a few hundred files: each name is checked and kept once.
    private String shard(String tensor, String name) {
      String known = shards.get(name);
      if (known != null) {
        return known;
      }
      ShardName.require(file, tensor, name, suffix);
      shards.put(name, name);
      return name;
    }

    private CheckpointException wrong(String tensor, String message) {
      return new CheckpointException(
          "%s: tensor %s: %s".formatted(file, Quoted.of(tensor), message));
    }

    private void readMetadata() {
      if (json.currentToken() != JsonToken.START_OBJECT) {
        oddities.add(file + ": \"metadata\": expected an object");
        json.skipChildren();
        return;
      }
      while (json.nextToken() != JsonToken.END_OBJECT) {
        String key = json.currentName();
        json.nextToken();
        if (key.equals("total_size")) {
          readTotalSize();
        }
        json.skipChildren();
      }
    }

    private void readTotalSize() {
      try {
        if (json.currentToken() == JsonToken.VALUE_NUMBER_INT) {
          totalSize = OptionalLong.of(Long.parseLong(json.getString()));
          return;
        }
      } catch (NumberFormatException e) {
        // More than 64 bits: as odd as any other value that is no count of bytes.
      }
      oddities.add(file + ": \"total_size\": expected a count of bytes, found something else");
    }

    private void require(boolean good, String message) {
      if (!good) {
        throw new CheckpointException(file + ": " + message);
      }
    }
  }
}
