/// The whole flow on models and text that ship with the program. Start at {@link Demonstration}.
@NullMarked
package dev.regroup.cli.demo;

import org.jspecify.annotations.NullMarked;
