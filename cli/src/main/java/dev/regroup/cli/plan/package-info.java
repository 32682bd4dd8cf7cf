/// A conversion before and after it ran, as text and as JSON.
@NullMarked
package dev.regroup.cli.plan;

import org.jspecify.annotations.NullMarked;
