/// What `inspect` found, as text and as JSON. Start at {@link Inspection}.
@NullMarked
package dev.regroup.cli.inspect;

import org.jspecify.annotations.NullMarked;
