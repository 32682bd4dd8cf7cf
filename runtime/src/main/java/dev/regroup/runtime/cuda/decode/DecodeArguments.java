package dev.regroup.runtime.cuda.decode;

import dev.regroup.formats.attention.CacheRow;
import dev.regroup.runtime.cuda.Precision;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/// `DecodeArguments` of decode.cuh, byte for byte.
record DecodeArguments(DecodeShape shape, DecodePlan plan, int batch, Scratch scratch) {
  static final int BYTES = 9 * 8 + 8 + 20 * 4;

  /// Addresses of what a launch needs beside its inputs.
  record Scratch(long partial, long partialLog, long arrivals, long schedule) {}

  /// @param scale the factor on `q·k` before the softmax
  byte[] pack(DecodeInputs inputs, int parts, double scale) {
    CacheRow row = shape.row();
    ByteBuffer bytes = ByteBuffer.allocate(BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes
        .putLong(inputs.query().address())
        .putLong(inputs.pages().address())
        .putLong(inputs.table().numbers().address())
        .putLong(inputs.lengths().address())
        .putLong(inputs.output().address())
        .putLong(scratch.partial())
        .putLong(scratch.partialLog())
        .putLong(scratch.arrivals())
        .putLong(scratch.schedule())
        .putLong(inputs.pages().stride());
    bytes
        .putInt(batch)
        .putInt(shape.queryLength())
        .putInt(shape.queryHeads())
        .putInt(row.stateHeads())
        .putInt(row.stateDim())
        .putInt(row.key().start())
        .putInt(row.key().width())
        .putInt(row.value().start())
        .putInt(row.value().width())
        .putInt(shape.ropeDim())
        .putInt(inputs.table().stride())
        .putInt(parts)
        .putInt(shape.window())
        .putFloat((float) (scale / Math.log(2)))
        .putInt(shape.types().query() == Precision.BFLOAT16 ? 1 : 0)
        .putInt(shape.types().output() == Precision.BFLOAT16 ? 1 : 0)
        .putInt(plan.tiling().heads())
        .putInt(plan.tiling().rowTiles())
        .putInt(plan.tiling().tokens())
        .putInt(plan.tiling().stages());
    return bytes.array();
  }
}
