/// What a `config.json` means: one {@link Architecture} per model family turns it into a {@link
/// ModelSpec}, from which every tensor's name and shape follows.
@NullMarked
package dev.regroup.formats.architecture;

import org.jspecify.annotations.NullMarked;
