package dev.regroup.formats.pytorch;

import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.ModelFile;
import dev.regroup.formats.checkpoint.OpenFile;
import dev.regroup.formats.checkpoint.OpenShard;
import dev.regroup.formats.checkpoint.OpenShard.Place;
import dev.regroup.formats.checkpoint.OpenShard.Placed;
import dev.regroup.formats.checkpoint.OpenShard.Spot;
import dev.regroup.formats.checkpoint.Scratch;
import dev.regroup.formats.pytorch.Value.Tensor;
import dev.regroup.formats.zip.ZipMember;
import dev.regroup.formats.zip.ZipUnpacker;
import java.nio.channels.Channels;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Opens one file that `torch.save` wrote.
///
/// Its tensors are listed in the order in which safetensors' reference writer would have stored them,
/// so that a conversion gives the same bytes from either. Tensors that lie end to end are read where
/// they lie; others are gathered into a scratch file when they are first read.
public final class PyTorchFile {
  /// How its name ends.
  public static final String SUFFIX = ".bin";

  /// Memory that describing a file's tensors may take, beyond the file's own size.
  private static final long MEMORY = 32L << 20;

  /// Bytes that tensors may have beyond four times the file's: views may repeat elements, and names
  /// may share a storage, but not without end.
  private static final long REPEATED = 16L << 20;

  private final OpenFile file;
  private final TorchZip zip;
  private final Scratch scratch;
  private final Map<String, Place> storages = new HashMap<>();

  private PyTorchFile(OpenFile file, Scratch scratch) {
    this.file = file;
    this.zip = TorchZip.open(file);
    this.scratch = scratch;
  }

  /// Opens a file, and reads and checks what it says of its tensors.
  ///
  /// @param scratch takes tensors that do not lie end to end
  /// @throws CheckpointException where it is no such file, does anything but describe tensors, or is
  ///   damaged
  public static OpenShard open(ModelFile model, Scratch scratch) {
    OpenFile file = OpenFile.open(model);
    try {
      NotTorch.refuse(file);
      return new PyTorchFile(file, scratch).read();
    } catch (RuntimeException e) {
      file.close();
      throw e;
    }
  }

  /// Whether a zip is a file that `torch.save` wrote, and not an archive, from its members.
  public static boolean isOne(List<ZipMember> members) {
    return TorchZip.isTorch(members);
  }

  private OpenShard read() {
    long budget = Math.addExact(MEMORY, file.bytes());
    byte[] pickle = zip.pickle(budget / 2);
    Value value =
        PickleMachine.run(new PickleBytes(file.name() + ": data.pkl", pickle, budget / 2));
    StateDict state = StateDict.of(file.name(), value);
    List<Placed> placed = new ArrayList<>();
    long bytes = 0;
    for (Map.Entry<String, Tensor> entry : state.tensors().entrySet()) {
      Placed tensor = place(entry.getKey(), entry.getValue());
      bytes += tensor.info().bytes();
      if (bytes < 0 || bytes / 4 > file.bytes() + REPEATED / 4) {
        throw new CheckpointException(
            "%s: expected tensors of at most four times the file's %d bytes, found more: views that"
                    .formatted(file.name(), file.bytes())
                + " repeat a storage -> save them with contiguous()");
      }
      placed.add(tensor);
    }
    placed.sort(
        Comparator.comparing((Placed tensor) -> tensor.info().dtype())
            .thenComparing(tensor -> tensor.info().name()));
    return new OpenShard(file, placed, state.oddities());
  }

  private Placed place(String name, Tensor tensor) {
    ZipMember member = zip.storage(tensor.storage().key());
    StridedTensor view = StridedTensor.of(file.name(), name, tensor, member.bytes());
    int width = tensor.dtype().bits() / 8;
    Place storage = storages.computeIfAbsent(tensor.storage().key(), _ -> storage(member));
    boolean swapped = zip.bigEndian() && width > 1;
    if (view.isContiguous() && !swapped) {
      long offset = view.offset() * width;
      return new Placed(
          view.info(),
          storage instanceof Spot spot
              ? new Spot(spot.file(), spot.offset() + offset)
              : () -> new Spot(storage.find().file(), offset));
    }
    return new Placed(
        view.info(),
        new GatheredTensor(
            scratch,
            file.name(),
            view.info().bytes(),
            channel -> {
              Spot spot = storage.find();
              new StridedCopy(spot.file(), spot.offset(), view, swapped)
                  .copy(view.offset(), channel);
            }));
  }

  private Place storage(ZipMember member) {
    if (member.stored()) {
      return new Spot(file, member.offset());
    }
    return new GatheredTensor(
        scratch,
        file.name(),
        member.bytes(),
        channel -> new ZipUnpacker(file).unpack(member, Channels.newOutputStream(channel)));
  }
}
