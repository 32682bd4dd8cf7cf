/// Text to token windows, through the checkpoint's own `tokenizer.json`.
@NullMarked
package dev.regroup.runtime.text;

import org.jspecify.annotations.NullMarked;
