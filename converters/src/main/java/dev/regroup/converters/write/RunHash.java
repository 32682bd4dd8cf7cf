package dev.regroup.converters.write;

import dev.regroup.converters.source.FiniteCheck;
import dev.regroup.formats.tensor.TensorInfo;
import java.nio.ByteBuffer;
import java.util.function.LongConsumer;

/// Reads one run of unchanged tensors behind the copy of it, to hash and to check it.
///
/// @param at where the run lies in the output
/// @param piece to read with, see {@link RunCopy#piece}
/// @param progress told of bytes that are done
record RunHash(
    Segment.Kept run,
    long at,
    CopyOptions options,
    CopyFront front,
    ByteBuffer piece,
    LongConsumer progress) {
  private static final byte[] ZEROS = new byte[1 << 20];

  /// Gives a hash the run's bytes.
  ///
  /// @throws dev.regroup.formats.checkpoint.CheckpointException where an element is not finite
  void read(HashedFile file) {
    try (Extents extents = Extents.of(run.source(), options.sparse())) {
      long begin = run.from();
      for (TensorInfo tensor : run.tensors()) {
        long end = begin + tensor.bytes();
        for (long next = begin; next < end; ) {
          long count = extents.next(next, end, begin);
          if (count < 0) {
            zeros(file, -count);
          } else {
            data(file, tensor, begin, next, next + count);
          }
          next += Math.abs(count);
          front.hashed(at + next - run.from());
        }
        begin = end;
      }
    }
  }

  private void zeros(HashedFile file, long count) {
    for (long done = 0; done < count; ) {
      int zeros = (int) Math.min(ZEROS.length, count - done);
      file.digest().update(ZEROS, 0, zeros);
      done += zeros;
      progress.accept(zeros);
    }
  }

  /// @param begin of the tensor, from and end of data within it, all in the source
  private void data(HashedFile file, TensorInfo tensor, long begin, long from, long end) {
    for (long next = from; next < end; ) {
      piece.clear().limit((int) Math.min(piece.capacity(), end - next));
      long offset = at + next - run.from();
      front.awaitCopied(offset + piece.limit());
      file.writer().file().read(offset, piece);
      piece.flip();
      if (options.checked()) {
        FiniteCheck.require(tensor.name(), tensor.dtype(), next - begin, piece);
      }
      int count = piece.limit();
      file.digest().update(piece);
      next += count;
      front.hashed(at + next - run.from());
      progress.accept(count);
    }
  }
}
