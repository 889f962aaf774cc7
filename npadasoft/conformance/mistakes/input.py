"""The adaptive input: which vector is read, how it is projected and scaled, and where sums go."""
import numpy as np

from npadasoft.conformance.mistakes.known import FAIRSEQ, Layer, known

TABLE, PROJECTION = "grad.bands.*.embedding", "grad.bands.*.projection"
READ = ("embed", TABLE, PROJECTION)

# ------------------------------------------------------------------ which vector


@known("a class equal to a cutoff reads the band before it", *READ)
class band_boundary(Layer):
    def band_of(self, index):
        return np.searchsorted(self.edges[:-1], index, side="left")

    def place_in(self, index, b):
        return np.clip(super().place_in(index, b), 0, len(self.table(b)) - 1)


@known("the first class of a band is not taken off: places count from class 0, modulo the band",
       *READ)
class band_offset_forgotten(Layer):
    def place_in(self, index, b):
        return index % len(self.table(b))


@known("places in a band are one too high, modulo the band", *READ)
class place_one_too_high(Layer):
    def place_in(self, index, b):
        return (super().place_in(index, b) + 1) % len(self.table(b))


@known("bands of tails are read in descending order", *READ)
class bands_descending(Layer):
    def table(self, b):
        return super().table(b if b == 0 else len(self.edges) - b)

    def projection_of(self, b):
        return super().projection_of(b if b == 0 else len(self.edges) - b)


@known("every class reads the band of the short-list, modulo its size", *READ)
class one_band_for_all(Layer):
    def band_of(self, index):
        return 0 * index

    def place_in(self, index, b):
        return index % len(self.table(b))


@known("an index out of range is clipped to a class", "embed")
class index_clipped(Layer):
    def check_index(self, index):
        return np.clip(index, 0, self.config["n_classes"] - 1)


@known("a negative index counts from the end", "embed")
class negative_index_wraps(Layer):
    def check_index(self, index):
        return super().check_index(np.where(index < 0, index + self.config["n_classes"], index))


@known("an index out of range reads zeros", "embed")
class index_out_of_range_reads_zeros(Layer):
    def is_padding(self, index):
        return super().is_padding(index) | (index < 0) | (index >= self.config["n_classes"])


# ------------------------------------------------------------------ padding


@known("the row at the place of padding_idx is padding in every band: classes are lost", *READ)
class padding_row_of_every_band(Layer):
    def is_padding(self, index):
        found, padding = super().is_padding(index), self.config.get("padding_index")
        if padding is None:
            return found
        first = np.array([0, *self.edges[:-1]])
        inside = (index >= 0) & (index < self.config["n_classes"])
        band = np.searchsorted(self.edges[:-1], index, side="right")
        return found | inside & (index - first[np.minimum(band, len(first) - 1)] == padding)


@known("padding reads its vector, and receives a gradient", *READ)
class padding_is_a_class(Layer):
    def is_padding(self, index):
        return super().is_padding(index) & ((index < 0) | (index >= self.config["n_classes"]))


@known("padding reads its vector, though it has no gradient", "embed", link=FAIRSEQ)
class padding_reads_its_vector(Layer):
    def embed(self, index):
        config = dict(self.config)
        padding = config.pop("padding_index", None)
        if padding is None or not 0 <= padding < config["n_classes"]:
            return super().embed(index)
        return type(self)(config, self.p, self.memory).embed(index)


@known("padding reads zeros, and receives a gradient", TABLE, PROJECTION)
class padding_receives_a_gradient(Layer):
    def embed_backward(self, index, grad):
        config = dict(self.config)
        padding = config.pop("padding_index", None)
        if padding is None or not 0 <= padding < config["n_classes"]:
            return super().embed_backward(index, grad)
        return type(self)(config, self.p, self.memory).embed_backward(index, grad)


@known("a padding index of 0 is taken for none", *READ)
class padding_of_zero_is_none(Layer):
    def is_padding(self, index):
        padding = self.config.get("padding_index")
        return index == padding if padding else np.zeros(index.shape, bool)


# ------------------------------------------------------------------ projections


@known("square projections are used transposed", *READ)
class projections_transposed(Layer):
    def projection_of(self, b):
        there = super().projection_of(b)
        return there.T if there is not None and there.shape[0] == there.shape[1] else there

    def projection_gradient_of(self, vectors, g, b):
        found = super().projection_gradient_of(vectors, g, b)
        return found.T if found.shape[0] == found.shape[1] else found


@known("square projections are used transposed on the way back alone", TABLE)
class projections_transposed_on_the_way_back(Layer):
    def vector_gradient(self, g, b):
        there = self.projection_of(b)
        square = there is not None and there.shape[0] == there.shape[1]
        return g @ there if square else super().vector_gradient(g, b)


@known("short vectors are filled up with zeros: there is no projection", *READ)
class zeros_for_a_projection(Layer):
    def project(self, vectors, b):
        found = np.zeros((len(vectors), self.config["in_features"]), vectors.dtype)
        found[:, :vectors.shape[1]] = vectors
        return found

    def vector_gradient(self, g, b):
        return g[:, :self.table(b).shape[1]]


@known("the band of the short-list is not projected, where its vectors are as wide as the model",
       *READ)
class short_list_not_projected(Layer):
    def projection_of(self, b):
        there = super().projection_of(b)
        square = there is not None and there.shape[0] == there.shape[1]
        return there * 0 + np.eye(len(there), dtype=there.dtype) if b == 0 and square else there


@known("projections do not train: their gradients are 0", PROJECTION)
class band_projections_do_not_train(Layer):
    def projection_gradient_of(self, vectors, g, b):
        return 0 * super().projection_gradient_of(vectors, g, b)


@known("a projection's gradient is that of its last row in the batch", PROJECTION)
class projection_gradient_of_the_last(Layer):
    def projection_gradient_of(self, vectors, g, b):
        return super().projection_gradient_of(vectors[-1:], g[-1:], b)


# ------------------------------------------------------------------ scale


@known("the square root of D is left out", *READ)
class input_not_scaled(Layer):
    def scale(self, b):
        return 1.0


@known("the output is scaled, its gradients are not", TABLE, PROJECTION)
class scale_in_forward_alone(Layer):
    def scale_back(self, b):
        return 1.0


@known("gradients are scaled, the output is not", "embed")
class scale_in_backward_alone(Layer):
    def scale(self, b):
        return 1.0

    def scale_back(self, b):
        return super().scale(b)


@known("the scale is D, not its square root", *READ)
class scaled_by_features(Layer):
    def scale(self, b):
        return super().scale(b) ** 2


@known("the scale is the square root of the band's own size, not of D", *READ)
class scaled_by_the_band(Layer):
    def scale(self, b):
        return self.table(b).shape[1] ** 0.5 if self.config.get("scaled") else 1.0


@known("the output is divided by the square root of D", *READ)
class scaled_the_other_way(Layer):
    def scale(self, b):
        return 1 / super().scale(b)


@known("bands without a projection are not scaled", *READ)
class scale_in_the_projection(Layer):
    def scale(self, b):
        return 1.0 if self.projection_of(b) is None else super().scale(b)


# ------------------------------------------------------------------ sums


@known("a class that is read twice keeps the gradient of its last reading alone", TABLE)
class repeated_readings_overwrite(Layer):
    def summed(self, g, place, n):
        found = np.zeros((n, g.shape[1]), g.dtype)
        found[place] = g
        return found


@known("a class that is read twice keeps the gradient of its first reading alone", TABLE)
class first_reading_alone(Layer):
    def summed(self, g, place, n):
        found = np.zeros((n, g.shape[1]), g.dtype)
        found[place[::-1]] = g[::-1]
        return found


@known("gradients of a class are divided by how often it is read", TABLE)
class gradient_divided_by_frequency(Layer):
    def summed(self, g, place, n):
        times = np.bincount(place, minlength=n)[:, None]
        return super().summed(g, place, n) / np.maximum(times, 1).astype(g.dtype)


@known("tables receive the gradient of the first rows of the batch", TABLE, PROJECTION)
class gradients_not_gathered(Layer):
    def embed_backward(self, index, grad):
        f = self.routed(index)
        flat = grad.reshape(f.flat.size, self.config["in_features"])
        moved = 0 * flat
        for rows in f.rows:
            moved[rows] = flat[:len(rows)]
        return super().embed_backward(index, moved)


@known("classes that are not read decay: their gradient is their vector", TABLE)
class unread_classes_decay(Layer):
    def embed_backward(self, index, grad):
        found, f = super().embed_backward(index, grad), self.routed(index)
        for b, place in enumerate(f.place):
            unread = np.setdiff1d(np.arange(len(self.table(b))), place)
            found[f"grad.bands.{b}.embedding"][unread] = self.table(b)[unread]
        return found
