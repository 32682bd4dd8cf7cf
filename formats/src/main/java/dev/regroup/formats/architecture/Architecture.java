package dev.regroup.formats.architecture;

import dev.regroup.formats.checkpoint.ModelConfig;

/// One model family: what its `config.json` means.
public interface Architecture {
  /// The `model_type` it answers to.
  String modelType();

  /// The `architectures` entry it answers to where `model_type` is absent.
  String className();

  /// What the config means.
  ///
  /// @throws dev.regroup.formats.checkpoint.CheckpointException where a key is missing or wrong
  /// @throws dev.regroup.formats.checkpoint.UnsupportedModelException where it asks for something
  ///   that we do not run
  ModelSpec describe(ModelConfig config);
}
