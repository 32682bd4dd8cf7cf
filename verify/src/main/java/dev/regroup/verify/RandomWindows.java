package dev.regroup.verify;

import dev.regroup.runtime.text.TokenWindows;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;

/// Tokens drawn at random, for levels that ask what is exact and not what is good.
final class RandomWindows {
  private static final int WINDOWS = 4;
  private static final int TOKENS = 128;
  private static final int SEED = 1;

  private RandomWindows() {}

  /// The same few windows for every model of a vocabulary and position limit.
  static TokenWindows of(int vocabulary, int maxPositions) {
    int tokens = Math.max(2, Math.min(TOKENS, maxPositions));
    var random = new Random(SEED);
    var windows = new ArrayList<int[]>();
    for (int w = 0; w < WINDOWS; w++) {
      windows.add(random.ints(tokens, 0, vocabulary).toArray());
    }
    return new TokenWindows("random tokens", sha256(windows), tokens, windows);
  }

  private static String sha256(List<int[]> windows) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      for (int[] window : windows) {
        ByteBuffer bytes = ByteBuffer.allocate(4 * window.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asIntBuffer().put(window);
        digest.update(bytes);
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java platform has SHA-256", e);
    }
  }
}
