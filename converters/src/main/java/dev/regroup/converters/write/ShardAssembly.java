package dev.regroup.converters.write;

import dev.regroup.formats.manifest.Sha256;
import dev.regroup.formats.safetensors.SafetensorsWriter;
import dev.regroup.formats.tensor.TensorInfo;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.function.LongConsumer;

/// Puts one output file together, by two threads: one copies the kept tensors, the other hashes every
/// byte from the first to the last, kept ones behind the copy and written ones once their layer is
/// done.
final class ShardAssembly {
  private final SafetensorsWriter writer;
  private final List<Segment> segments;
  private final LayerGate gate;
  private final CopyOptions options;
  private final CopyFront front;

  /// @param segments all of the file
  /// @param gate that says when written tensors are there
  /// @param front how far it is copied and hashed: not at all
  ShardAssembly(
      SafetensorsWriter writer,
      List<Segment> segments,
      LayerGate gate,
      CopyOptions options,
      CopyFront front) {
    this.writer = writer;
    this.segments = segments;
    this.gate = gate;
    this.options = options;
    this.front = front;
  }

  /// Copies what is kept.
  ///
  /// @throws LayerGate.Abandoned where the run is over
  void copy() {
    if (options.sparse()) {
      writer.file().resize(writer.bytes()); // a hole at the end must end somewhere
    }
    long at = writer.header().length;
    for (Segment segment : segments) {
      if (segment instanceof Segment.Kept run) {
        RunCopy.copy(run, new RunCopy.Target(writer.file(), at, options, front));
        writer.take(run.tensors().stream().map(TensorInfo::name).toList());
      }
      at += segment.bytes();
    }
  }

  /// Hashes the file.
  ///
  /// @param progress told of kept bytes that are done
  /// @return the SHA-256 of the file, in hexadecimal digits
  /// @throws LayerGate.Abandoned where the run is over
  String hash(LongConsumer progress) {
    HashedFile file = new HashedFile(writer, Sha256.digest());
    ByteBuffer piece = RunCopy.piece();
    LongConsumer counted =
        bytes -> {
          gate.requireGoingOn();
          progress.accept(bytes);
        };
    file.digest().update(writer.header());
    long at = writer.header().length;
    for (Segment segment : segments) {
      switch (segment) {
        case Segment.Kept run -> new RunHash(run, at, options, front, piece, counted).read(file);
        case Segment.Written written -> {
          gate.await(written.layer());
          Takeover.update(file.digest(), writer, written.tensor(), piece);
        }
      }
      at += segment.bytes();
      front.hashed(at);
    }
    return Sha256.of(file.digest());
  }
}
