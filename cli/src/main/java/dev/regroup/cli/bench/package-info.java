/// How measurements are printed.
@NullMarked
package dev.regroup.cli.bench;

import org.jspecify.annotations.NullMarked;
