package dev.regroup.runtime.train;

import dev.regroup.formats.attention.Rope;

/// What a step of training a layer is made of. Work is done in the order in which it is given; results
/// are seen by {@link Memory#download}. Sums are formed in an order that depends on shapes and on the
/// kind of device alone. Not for several threads at once.
public interface TrainingMath extends AutoCloseable {
  /// Rows of causal matrices are zero behind the diagonal up to the next multiple of this many columns;
  /// what is farther right is never read. See {@link #zeroed}.
  int ZEROED = 128;

  /// Heads of some windows: rows of `[windows · tokens, heads · width]`.
  record HeadRows(int windows, int tokens, int heads, int width) {
    /// Rows of the windows' square matrices.
    public long squareRows() {
      return (long) windows * heads * tokens;
    }
  }

  /// The same slice of every head of every row.
  ///
  /// @param heads of a row
  /// @param offset of the slice in the row's first head
  /// @param headStride from a head to the next
  /// @param rowStride from a row to the next
  record Slices(int heads, int offset, int headStride, int rowStride) {}

  /// Sums over neighbouring slices of rows.
  ///
  /// @param rows of both matrices
  /// @param groups slices of a row of the result, `groupStride` apart
  /// @param group slices that each is the sum of
  /// @param width elements of a slice
  record Fold(int rows, int groups, int group, int width, int groupStride) {}

  /// An RMS norm over each of a row's neighbouring slices: of a slice x, `gain ∘ unit ∘ x / r`, where
  /// `r² = mean(x²) + epsilon`.
  ///
  /// @param gain `[groups · width]`
  /// @param unit `[width]`, what a gain of 1 multiplies by
  /// @param rows of matrices `[rows, groups · width]`
  record Norm(Memory gain, Memory unit, int rows, int groups, int width, float epsilon) {
    /// Slices of all rows.
    public long slices() {
      return (long) rows * groups;
    }
  }

  /// Corrections of Adam at one step: of the mean and of the square.
  record Follow(float meanShare, float squareShare, float meanBias, float squareBias, float tiny) {}

  /// Uninitialised memory.
  ///
  /// @throws dev.regroup.runtime.DeviceException where there is not enough
  Memory allocate(long length);

  /// Uninitialised memory for what products give and others read: it may hold no more than these see of
  /// it, see {@link #accuracy}.
  default Memory allocateFactor(long length) {
    return allocate(length);
  }

  /// How exactly {@link #multiply} reads factors.
  default Accuracy accuracy() {
    return Accuracy.FLOAT32;
  }

  /// {@link #ZEROED}, or a multiple of it where products read so far.
  default int zeroed() {
    return ZEROED;
  }

  /// Elements that could be allocated now.
  long available();

  /// Batched matrix products.
  void multiply(Product product);

  /// The same for products whose factors are float32 and must not lose more than the last bits: they
  /// keep eleven at least.
  default void multiplyFinely(Product product) {
    multiply(product);
  }

  /// Copies blocks of `each` elements: block i of `to` becomes block `blocks[i]` of `from`, or stays
  /// where that is negative.
  void gather(Memory from, Memory to, int[] blocks, int each);

  /// Adds a bias as long as a row to each of `rows` rows.
  void addBias(Memory x, Memory bias, int rows);

  /// Turns slices of rows in place; row r stands at position `r % tokens`.
  void rotate(Memory x, int rows, Slices slices, Rope rope, int tokens);

  /// Softmax of every row i of `[tokens, tokens]` over the columns that it sees, i and the `window - 1`
  /// before it (all before it where `window` is 0); other columns become 0, see {@link #ZEROED}.
  ///
  /// @param scores `[rows.windows, rows.heads, tokens, tokens]`
  void causalSoftmax(Memory scores, HeadRows rows, int window);

  /// Softmax's transpose: `scores = scale · probabilities ∘ (scores − Σ outputs ∘ heads)`.
  ///
  /// @param scores derivative by probabilities, replaced by that by scores before scaling
  /// @param outputs derivative by the heads' outputs; `heads` are these
  void unweigh(
      Memory scores,
      Memory probabilities,
      Memory outputs,
      Memory heads,
      HeadRows rows,
      float scale);

  /// The RMS norm of every slice of `x`.
  void rmsNorm(Memory x, Memory y, Norm norm);

  /// Its transpose: the derivative by `x` of what is pulled back to the norm's results.
  void pullRmsNorm(Memory x, Memory pulled, Memory byX, Norm norm);

  /// The same by gains, summed over rows.
  ///
  /// @param byGain `[groups · width]`
  /// @param add whether it is added to
  void pullRmsNormGains(Memory x, Memory pulled, Memory byGain, Norm norm, boolean add);

  /// Sums over groups of heads.
  ///
  /// @param from `[rows, groups · group · width]`
  /// @param to `[rows, groups · groupStride]`
  /// @param add whether `to` is added to
  void fold(Memory from, Memory to, Fold fold, boolean add);

  /// `output = scale · (output − target)`, and the sum of squares of the difference before scaling.
  ///
  /// @param count elements
  /// @param errors where the sum goes, at element `slot`
  /// @param add whether it is added there
  void residual(
      Memory output, Memory target, long count, float scale, Memory errors, int slot, boolean add);

  /// Running moments of a gradient, and in its place the step that they ask for.
  void follow(Memory gradient, Memory mean, Memory square, Follow follow);

  /// `values -= length · step`, but where value and gradient are both 0.
  void move(Memory values, Memory gradient, Memory step, float length);

  @Override
  void close();
}
