package dev.regroup.runtime.cuda;

import dev.regroup.formats.attention.Rope;

/// Cosine and sine of every pair at every position, `[positions, pairs, 2]`, times the attention
/// factor: angles in float64, rounded once, as on the CPU.
record RopeTable(CudaBuffer buffer, int positions) {
  static RopeTable of(CudaContext context, Rope rope, int positions) {
    double[] frequencies = rope.frequencies();
    float[] turns = new float[positions * frequencies.length * 2];
    int at = 0;
    for (int position = 0; position < positions; position++) {
      for (double frequency : frequencies) {
        double angle = position * frequency;
        turns[at++] = (float) (Math.cos(angle) * rope.attentionFactor());
        turns[at++] = (float) (Math.sin(angle) * rope.attentionFactor());
      }
    }
    return new RopeTable(context.allocate(4L * turns.length).upload(turns), positions);
  }
}
