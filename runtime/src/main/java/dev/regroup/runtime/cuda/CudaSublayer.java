package dev.regroup.runtime.cuda;

import dev.regroup.formats.attention.AttentionLayout;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.runtime.model.AttentionSublayer;
import dev.regroup.runtime.model.Projected;

/// {@link AttentionSublayer} by a {@link DeviceAttention}: arrays go up, results come down. Calls from
/// several threads take turns.
final class CudaSublayer implements AttentionSublayer {
  private final HostBridge bridge;
  private final CudaMath math;
  private final DeviceAttention attention;
  private final AttentionLayout layout;

  CudaSublayer(HostBridge bridge, DeviceAttention attention) {
    this.bridge = bridge;
    this.math = bridge.math();
    this.attention = attention;
    this.layout = attention.spec().layout();
  }

  DeviceAttention attention() {
    return attention;
  }

  @Override
  public AttentionSpec spec() {
    return attention.spec();
  }

  private DeviceBlock queries(int tokens) {
    return math.block("queries", tokens, attention.queryColumns());
  }

  private DeviceBlock rows(int tokens) {
    return math.block("rows", tokens, layout.cacheRow().elements());
  }

  @Override
  public Projected project(float[] x, int tokens) {
    synchronized (bridge) {
      DeviceBlock queries = queries(tokens);
      DeviceBlock rows = rows(tokens);
      attention.project(bridge.uploadCast("x", x, tokens), queries, rows);
      return new Projected(tokens, bridge.download(queries), bridge.download(rows));
    }
  }

  @Override
  public Projected rotate(Projected projected, int first) {
    synchronized (bridge) {
      int tokens = projected.tokens();
      DeviceBlock queries = bridge.uploadCast("queries", projected.queries(), tokens);
      DeviceBlock rows = bridge.uploadCast("rows", projected.rows(), tokens);
      attention.rotate(queries, rows, first, tokens);
      return new Projected(tokens, bridge.download(queries), bridge.download(rows));
    }
  }

  @Override
  public float[] probabilities(Projected rotated, int head) {
    if (math.precision() != Precision.FLOAT32) {
      throw new IllegalArgumentException("probabilities are float32's");
    }
    synchronized (bridge) {
      int tokens = rotated.tokens();
      DeviceBlock queries = bridge.uploadCast("queries", rotated.queries(), tokens);
      DeviceBlock rows = bridge.uploadCast("rows", rotated.rows(), tokens);
      DeviceBlock to = math.block("probabilities", tokens, tokens);
      attention.probabilities(queries, rows, head, to);
      return bridge.download(to);
    }
  }

  @Override
  public float[] heads(Projected rotated) {
    synchronized (bridge) {
      int tokens = rotated.tokens();
      DeviceBlock queries = bridge.uploadCast("queries", rotated.queries(), tokens);
      DeviceBlock rows = bridge.uploadCast("rows", rotated.rows(), tokens);
      DeviceBlock to = math.block("heads", tokens, layout.queryHeads() * layout.valueDim());
      attention.heads(queries, rows, to, tokens);
      return bridge.download(to);
    }
  }

  @Override
  public float[] output(float[] heads, int tokens) {
    synchronized (bridge) {
      DeviceBlock from = bridge.uploadCast("heads", heads, tokens);
      DeviceBlock to =
          math.scratch().block("update", Precision.FLOAT32, tokens, attention.hiddenSize());
      attention.output(from, to, false);
      return bridge.download(to);
    }
  }

  @Override
  public float[] absorb(Projected rotated) {
    synchronized (bridge) {
      DeviceBlock queries = bridge.uploadCast("queries", rotated.queries(), rotated.tokens());
      return bridge.download(attention.absorb(queries));
    }
  }

  @Override
  public float[] expand(float[] attended, int tokens) {
    synchronized (bridge) {
      return bridge.download(attention.expand(bridge.uploadCast("attended", attended, tokens)));
    }
  }

  @Override
  public float[] forward(float[] x, int tokens) {
    synchronized (bridge) {
      DeviceBlock to =
          math.scratch().block("update", Precision.FLOAT32, tokens, attention.hiddenSize());
      attention.forward(bridge.uploadCast("x", x, tokens), tokens, to, false);
      return bridge.download(to);
    }
  }

  @Override
  public void close() {
    synchronized (bridge) {
      attention.close();
    }
  }
}
