package dev.regroup.runtime.decode;

import dev.regroup.formats.attention.CacheRow;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/// The rows that one layer keeps of one sequence, in pages of {@value #PAGE_TOKENS} tokens.
///
/// Pages are allocated when their first token comes, so that what is measured here is what decoding
/// really takes. Elements are float32: a cache that rounded would hide what the decode path adds.
public final class PagedCache {
  /// Tokens of a page.
  public static final int PAGE_TOKENS = 64;

  private final CacheRow row;
  private final List<float[]> pages = new ArrayList<>();
  private int tokens;

  /// An empty cache of rows.
  public PagedCache(CacheRow row) {
    this.row = row;
  }

  /// How a row is laid out.
  public CacheRow row() {
    return row;
  }

  /// Tokens in the cache.
  public int tokens() {
    return tokens;
  }

  /// Appends one token's row.
  ///
  /// @param from holds the row
  /// @param at where it begins
  public void append(float[] from, int at) {
    Objects.checkFromIndexSize(at, row.elements(), from.length);
    int slot = tokens % PAGE_TOKENS;
    if (slot == 0) {
      pages.add(new float[PAGE_TOKENS * row.elements()]);
    }
    System.arraycopy(from, at, pages.getLast(), slot * row.elements(), row.elements());
    tokens++;
  }

  /// The page that holds a token; its rows beyond {@link #tokens} mean nothing.
  public float[] page(int token) {
    return pages.get(token / PAGE_TOKENS);
  }

  /// The index within its page at which a token's row begins.
  public int start(int token) {
    return token % PAGE_TOKENS * row.elements();
  }

  /// Pages in use.
  public int pages() {
    return pages.size();
  }

  /// Elements of all pages in use: counted from what was allocated.
  public long allocatedElements() {
    return pages.stream().mapToLong(page -> page.length).sum();
  }

  /// Forgets every token and frees the pages.
  public void clear() {
    pages.clear();
    tokens = 0;
  }
}
