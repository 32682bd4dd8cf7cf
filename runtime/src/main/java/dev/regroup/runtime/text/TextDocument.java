package dev.regroup.runtime.text;

/// A document of a text: characters, or token ids already.
sealed interface TextDocument {
  /// Characters to be tokenised.
  ///
  /// @param begins whether a document begins here, else it goes on
  record Characters(String text, boolean begins) implements TextDocument {}

  /// Token ids as given.
  record Ids(int[] tokens) implements TextDocument {
    @Override
    public boolean begins() {
      return true;
    }
  }

  /// Whether a document begins here, else it goes on.
  boolean begins();
}
