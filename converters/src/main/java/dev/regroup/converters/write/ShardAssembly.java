package dev.regroup.converters.write;

import dev.regroup.formats.manifest.Sha256;
import dev.regroup.formats.safetensors.SafetensorsWriter;
import dev.regroup.formats.tensor.TensorInfo;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.function.LongConsumer;

/// Puts one output file together from its first byte to its last: kept tensors are copied, written
/// ones awaited, and all are hashed on the way.
final class ShardAssembly {
  private final SafetensorsWriter writer;
  private final List<Segment> segments;
  private final LayerGate gate;
  private final CopyOptions options;

  /// @param segments all of the file
  /// @param gate that says when written tensors are there
  ShardAssembly(
      SafetensorsWriter writer, List<Segment> segments, LayerGate gate, CopyOptions options) {
    this.writer = writer;
    this.segments = segments;
    this.gate = gate;
    this.options = options;
  }

  /// Puts the file together.
  ///
  /// @param writers write behind the caller
  /// @param progress told of kept bytes that are done
  /// @return the SHA-256 of the file, in hexadecimal digits
  /// @throws LayerGate.Abandoned where the run is over
  String assemble(Executor writers, LongConsumer progress) {
    if (options.sparse()) {
      writer.file().resize(writer.bytes()); // a hole at the end must end somewhere
    }
    MessageDigest digest = Sha256.digest();
    LongConsumer counted =
        bytes -> {
          gate.requireGoingOn();
          progress.accept(bytes);
        };
    digest.update(writer.header());
    long at = writer.header().length;
    try (WriteBehind behind = new WriteBehind(writer.file(), writers, options.uncached())) {
      ByteBuffer piece = WriteBehind.piece();
      for (Segment segment : segments) {
        switch (segment) {
          case Segment.Kept run -> {
            RunCopy.copy(
                run, new RunCopy.Target(writer.file(), at, options, behind, digest, counted));
            writer.take(run.tensors().stream().map(TensorInfo::name).toList());
          }
          case Segment.Written written -> {
            gate.await(written.layer());
            Takeover.update(digest, writer, written.tensor(), piece);
          }
        }
        at += segment.bytes();
      }
      behind.drain();
    }
    return Sha256.of(digest);
  }
}
