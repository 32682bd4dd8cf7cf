package dev.regroup.runtime.cuda;

import dev.regroup.formats.architecture.LayerSpec;
import dev.regroup.runtime.model.AttentionSublayer;
import dev.regroup.runtime.model.DecoderLayer;

/// {@link DecoderLayer} by a {@link DeviceLayer}: arrays go up, results come down. Calls from several
/// threads take turns.
final class CudaDecoderLayer implements DecoderLayer {
  private final HostBridge bridge;
  private final DeviceLayer layer;
  private final CudaSublayer attention;

  CudaDecoderLayer(HostBridge bridge, DeviceLayer layer) {
    this.bridge = bridge;
    this.layer = layer;
    attention = new CudaSublayer(bridge, layer.attention());
  }

  DeviceLayer layer() {
    return layer;
  }

  @Override
  public LayerSpec spec() {
    return layer.spec();
  }

  @Override
  public float[] attentionInput(float[] hidden, int tokens) {
    synchronized (bridge) {
      return bridge.download(layer.attentionInput(bridge.upload("hidden", hidden, tokens)));
    }
  }

  @Override
  public AttentionSublayer attention() {
    return attention;
  }

  @Override
  public float[] feedForward(float[] hidden, int tokens) {
    synchronized (bridge) {
      DeviceBlock stream = bridge.upload("hidden", hidden, tokens);
      DeviceBlock to =
          bridge
              .math()
              .scratch()
              .block("update", Precision.FLOAT32, tokens, hidden.length / tokens);
      layer.feedForward().forward(layer.feedForwardInput(stream), to, false);
      return bridge.download(to);
    }
  }

  @Override
  public int[] routing(float[] hidden, int tokens) {
    synchronized (bridge) {
      DeviceBlock stream = bridge.upload("hidden", hidden, tokens);
      return layer.feedForward().routing(layer.feedForwardInput(stream));
    }
  }

  @Override
  public float[] forward(float[] hidden, int tokens) {
    synchronized (bridge) {
      DeviceBlock stream = bridge.upload("hidden", hidden, tokens);
      layer.forward(stream, tokens);
      return bridge.download(stream);
    }
  }

  @Override
  public void close() {
    synchronized (bridge) {
      layer.close();
    }
  }
}
