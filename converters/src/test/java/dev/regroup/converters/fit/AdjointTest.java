package dev.regroup.converters.fit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.converters.closedform.FactoredAttention;
import dev.regroup.runtime.linalg.FloatBlock;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// `<g, Tangent(d)> = <Adjoint(g), d>` for whatever g and d: the one is the other's transpose.
final class AdjointTest {
  private static final double ROUNDING = 2e-5;

  @ParameterizedTest
  @MethodSource("dev.regroup.converters.fit.RandomLayers#cases")
  void isTheTransposeOfTheTangentPartByPartAndForAll(RandomLayers.Case shape) {
    var random = new RandomLayers(11);
    FactoredAttention layer = random.layer(shape);
    var pass = new AttentionPass(layer, random.inputs(shape));
    List<Set<Part>> sets = new ArrayList<>();
    Set<Part> all = RandomLayers.parts(layer);
    all.forEach(part -> sets.add(EnumSet.of(part)));
    sets.add(all);
    for (Set<Part> parts : sets) {
      Maps direction = random.direction(layer, parts);
      FloatBlock output = random.block(shape.tokens(), RandomLayers.hiddenSize());
      float[] change = Tangent.of(pass, direction).elements();
      double there = dot(output.elements(), change);
      double size = Math.sqrt(dot(output.elements(), output.elements()) * dot(change, change));
      Maps pulled = new Adjoint(pass, parts, output).weights();
      assertThat(pulled.values().keySet()).isEqualTo(EnumSet.copyOf(parts));
      double back = 0;
      for (Part part : parts) {
        back += dot(pulled.get(part), direction.get(part));
      }
      assertThat(size).as("size of the change by %s", parts).isGreaterThan(0.1);
      assertThat(Math.abs(there - back) / size)
          .as("difference of the products over %s", parts)
          .isLessThan(ROUNDING);
    }
  }

  @ParameterizedTest
  @MethodSource("dev.regroup.converters.fit.RandomLayers#cases")
  void seesNothingOutsideTheWindow(RandomLayers.Case shape) {
    var random = new RandomLayers(12);
    FactoredAttention layer = random.layer(shape);
    var pass = new AttentionPass(layer, random.inputs(shape));
    int window = shape.window() == 0 ? shape.tokens() : shape.window();
    for (int h = 0; h < shape.layout().queryHeads(); h++) {
      float[] probabilities = pass.probabilities(h).elements();
      for (int i = 0; i < shape.tokens(); i++) {
        for (int j = 0; j < shape.tokens(); j++) {
          float probability = probabilities[i * shape.tokens() + j];
          if (j > i || j <= i - window) {
            assertThat(probability).isZero();
          } else {
            assertThat(probability).isPositive();
          }
        }
      }
    }
  }

  private static double dot(float[] a, float[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += (double) a[i] * b[i];
    }
    return sum;
  }
}
