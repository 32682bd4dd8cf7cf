package dev.regroup.formats.disk;

import dev.regroup.formats.checkpoint.DiskFailure;
import dev.regroup.formats.system.RawFile;
import dev.regroup.formats.system.Sharing;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/// A file on a disk of this machine.
final class LocalFile implements DiskFile {
  /// Bytes moved at a time: the JDK keeps a buffer of this size for each thread that writes.
  private static final int CHUNK = 1 << 20;

  private final Path path;
  private final FileChannel channel;
  private final Object copying = new Object();

  /// This file opened once more, past the cache, when that is first asked for.
  private Optional<FileChannel> uncached = Optional.empty();

  private boolean uncachedTried;

  /// This file and those it shares blocks with, opened a second time for the calls that the JDK
  /// does not make; by path.
  private final Map<Path, Optional<RawFile>> raw = new HashMap<>();

  LocalFile(Path path, FileChannel channel) {
    this.path = path;
    this.channel = channel;
  }

  @Override
  public Path path() {
    return path;
  }

  @Override
  public void write(long at, ByteBuffer bytes) {
    int limit = bytes.limit();
    long next = at;
    try {
      while (bytes.position() < limit) {
        bytes.limit(Math.min(limit, bytes.position() + CHUNK));
        next += channel.write(bytes, next);
      }
    } catch (IOException e) {
      throw DiskFailure.at(path, e);
    } finally {
      bytes.limit(limit);
    }
  }

  @Override
  public void writeUncached(long at, ByteBuffer bytes) {
    Optional<FileChannel> past = uncached();
    if (past.isEmpty()) {
      write(at, bytes);
      return;
    }
    try {
      long next = at;
      while (bytes.hasRemaining() && next % Uncached.BLOCK == 0) {
        next += past.get().write(bytes, next);
      }
      write(next, bytes); // a disk that is full takes part of a block, and then says why
    } catch (IOException e) {
      throw DiskFailure.at(path, e);
    }
  }

  private synchronized Optional<FileChannel> uncached() {
    if (!uncachedTried) {
      try {
        uncached = Uncached.open(path, StandardOpenOption.WRITE);
      } catch (IOException e) {
        throw DiskFailure.at(path, e);
      }
      uncachedTried = true;
    }
    return uncached;
  }

  @Override
  public void read(long at, ByteBuffer into) {
    int limit = into.limit();
    long next = at;
    try {
      while (into.position() < limit) {
        into.limit(Math.min(limit, into.position() + CHUNK));
        int count = channel.read(into, next);
        if (count < 0) {
          throw new EOFException("ends at byte " + next);
        }
        next += count;
      }
    } catch (IOException e) {
      throw DiskFailure.at(path, e);
    } finally {
      into.limit(limit);
    }
  }

  @Override
  public long copy(FileChannel source, long from, long count, long at) {
    // The kernel copies to the channel's own position, of which there is one.
    synchronized (copying) {
      try {
        channel.position(at);
        return source.transferTo(from, count, channel);
      } catch (IOException e) {
        throw DiskFailure.at(path, e);
      }
    }
  }

  @Override
  public Sharing share(Path source, long from, long count, long at) {
    synchronized (copying) {
      Optional<RawFile> here = raw.computeIfAbsent(path, file -> RawFile.open(file, true));
      Optional<RawFile> there = raw.computeIfAbsent(source, file -> RawFile.open(file, false));
      if (here.isEmpty() || there.isEmpty()) {
        return Sharing.UNSUPPORTED;
      }
      return here.get().share(there.get(), from, count, at);
    }
  }

  @Override
  public void resize(long bytes) {
    try {
      if (bytes < channel.size()) {
        channel.truncate(bytes);
      } else if (bytes > channel.size()) {
        channel.write(ByteBuffer.allocate(1), bytes - 1);
      }
    } catch (IOException e) {
      throw DiskFailure.at(path, e);
    }
  }

  @Override
  public long size() {
    try {
      return channel.size();
    } catch (IOException e) {
      throw DiskFailure.at(path, e);
    }
  }

  @Override
  public void force() {
    try {
      channel.force(true);
    } catch (IOException e) {
      throw DiskFailure.at(path, e);
    }
  }

  @Override
  public void close() {
    synchronized (copying) {
      raw.values().forEach(file -> file.ifPresent(RawFile::close));
      raw.clear();
    }
    try (channel) {
      closeUncached();
    } catch (IOException e) {
      throw DiskFailure.at(path, e);
    }
  }

  private synchronized void closeUncached() throws IOException {
    if (uncached.isPresent()) {
      uncached.get().close();
    }
  }
}
