package dev.regroup.runtime.cuda;

import dev.regroup.runtime.DeviceException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import jcuda.driver.CUfunction;
import jcuda.driver.CUmodule;
import jcuda.driver.JCudaDriver;

/// The kernels of one PTX file, compiled by the driver for the device. Lives as long as its context.
public final class CudaModule {
  private final CudaContext context;
  private final String name;
  private final CUmodule handle;
  private final Map<String, CudaKernel> kernels = new ConcurrentHashMap<>();

  private CudaModule(CudaContext context, String name, CUmodule handle) {
    this.context = context;
    this.name = name;
    this.handle = handle;
  }

  static CudaModule load(CudaContext context, String name) {
    byte[] ptx = resource(name + ".ptx");
    CUmodule handle = new CUmodule();
    // the driver reads up to a zero
    int result = JCudaDriver.cuModuleLoadData(handle, Arrays.copyOf(ptx, ptx.length + 1));
    Driver.check(result, "compiling %s.ptx".formatted(name));
    return new CudaModule(context, name, handle);
  }

  private static byte[] resource(String file) {
    try (InputStream in = CudaModule.class.getResourceAsStream(file)) {
      if (in == null) {
        throw new DeviceException(
            "cuda: expected kernels %s in this build, found none".formatted(file));
      }
      return in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException("%s: cannot be read".formatted(file), e);
    }
  }

  CUmodule handle() {
    return handle;
  }

  /// The kernel of this `extern "C"` name.
  public CudaKernel kernel(String kernel) {
    return kernels.computeIfAbsent(
        kernel,
        k -> {
          context.use();
          CUfunction function = new CUfunction();
          Driver.check(
              JCudaDriver.cuModuleGetFunction(function, handle, k),
              "kernel %s of %s.ptx".formatted(k, name));
          return new CudaKernel(context, k, function);
        });
  }
}
