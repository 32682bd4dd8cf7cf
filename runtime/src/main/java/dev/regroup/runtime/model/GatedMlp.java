package dev.regroup.runtime.model;

/// `down(silu(gate x) · up x)`.
record GatedMlp(Linear gate, Linear up, Linear down) {
  float[] apply(Operations operations, float[] x, int rows) {
    float[] gated = operations.linear(gate, x, rows);
    operations.gate(gated, operations.linear(up, x, rows));
    return operations.linear(down, gated, rows);
  }
}
