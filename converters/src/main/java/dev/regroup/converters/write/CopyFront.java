package dev.regroup.converters.write;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;

/// How far one output file is copied, and how far it is hashed behind that: one thread copies, another
/// reads the bytes while they are still in memory. Offsets are the output file's.
final class CopyFront {
  /// Bytes that may be copied ahead of a hash on any machine.
  private static final long LEAST_LEAD = 256L << 20;

  /// Of the machine's memory, what one file's lead may fill.
  private static final int MEMORY_SHARE = 16;

  /// Bytes copied, or hashed, before the other side hears of it.
  static final long STRIDE = 8L << 20;

  private final LayerGate gate;
  private final long lead;
  private long copied;
  private long hashed;

  /// What the thread that hashes said last.
  private long told;

  /// @param lead bytes copied ahead of the hash, more than both sides keep to themselves
  CopyFront(LayerGate gate, long lead) {
    if (lead <= 2 * STRIDE) {
      throw new IllegalArgumentException("lead: expected more than " + 2 * STRIDE);
    }
    this.gate = gate;
    this.lead = lead;
  }

  /// Bytes to copy ahead of a hash, which may wait for a layer: so few that they are still in memory
  /// when it gets there, with a few files at a time.
  static long usualLead() {
    return ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean system
        ? Math.max(LEAST_LEAD, system.getTotalMemorySize() / MEMORY_SHARE)
        : LEAST_LEAD;
  }

  /// Says that everything copied lies before an offset, and waits until the hash is near enough.
  ///
  /// @throws LayerGate.Abandoned where the run is over
  void copied(long end) {
    gate.tell(() -> copied = end);
    gate.await(() -> end - hashed <= lead);
  }

  /// Says that everything before an offset is hashed; asked for often, heard every stride.
  void hashed(long end) {
    if (end - told >= STRIDE) {
      told = end;
      gate.tell(() -> hashed = end);
    }
  }

  /// Waits until everything before an offset is copied.
  ///
  /// @throws LayerGate.Abandoned where the run is over
  void awaitCopied(long end) {
    gate.await(() -> copied >= end);
  }
}
