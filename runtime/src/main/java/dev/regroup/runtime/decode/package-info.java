/// Decoding through a paged cache of rows: one kernel for every layout, in absorbed form.
@NullMarked
package dev.regroup.runtime.decode;

import org.jspecify.annotations.NullMarked;
