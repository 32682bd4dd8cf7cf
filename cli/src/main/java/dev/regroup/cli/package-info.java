/// The cli module.
@NullMarked
package dev.regroup.cli;

import org.jspecify.annotations.NullMarked;
