/// What commands print with: the two streams and who may use them, tables, quantities as people write
/// them, and progress.
@NullMarked
package dev.regroup.cli.console;

import org.jspecify.annotations.NullMarked;
