package dev.regroup.runtime.cuda;

import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.JCudaDriver;

/// Work that was recorded once and is launched at once, again and again; see {@link
/// CudaStream#capture}. The buffers it names must outlive it.
public final class CudaGraph implements AutoCloseable {
  private final CudaContext context;
  private final CUgraph graph;
  private final CUgraphExec executable;
  private boolean closed;

  CudaGraph(CudaContext context, CUgraph graph, CUgraphExec executable) {
    this.context = context;
    this.graph = graph;
    this.executable = executable;
  }

  /// Starts it.
  public void launch(CudaStream stream) {
    context.use();
    Driver.check(JCudaDriver.cuGraphLaunch(executable, stream.handle()), "cuGraphLaunch");
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      context.use();
      JCudaDriver.cuGraphExecDestroy(executable);
      JCudaDriver.cuGraphDestroy(graph);
    }
  }
}
