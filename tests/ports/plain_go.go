// A port of the adaptive log-softmax, judged by
//
//	go build -o plain_go plain_go.go && npadasoft conform -- ./plain_go
//
// Needs Go 1.18 or newer and nothing else.
// The template (npadasoft port-template go) with its mathematics written.
//
// The layer: classes 0 .. s-1 are the short-list, s = cutoffs[0]; tail i (from 0) holds the classes from
// cutoffs[i] up to the next cutoff, the last tail up to n_classes.  A target equal to a cutoff belongs to the
// tail that begins there.  With x one row of the input, W = head.weight, b = head.bias, P = tail.i.0.weight,
// U = tail.i.1.weight, all stored (out, in):
//
//	A = log_softmax(W x + b)            columns: class 0 .. s-1, then tail 0, 1, 2, ...
//	B = log_softmax(U (P x))            of tail i; a few cases add tail.i.1.bias to its scores
//	log_prob[k] = A[k]                              if k < s
//	            = A[s + i] + B[k - cutoffs[i]]      if k is in tail i
//	output[n] = log_prob of row n at its target;    loss = -mean(output);    predict = argmax of log_prob
//
// Number is float32 or float64, as the judge asks.  A Tensor is its shape and its numbers, last axis fastest.
// Batch axes come as one: a batch of 2 by 3 rows as six rows, one row without a batch as a batch of one; they go
// back as they came.  Without a row the loss is the mean of nothing, NaN, and gradients are 0.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"sort"
	"strings"
)

const name, version = "plain-go", "1"

var dtypes = []string{"float64", "float32"}
var ops = []string{"shapes", "forward", "log_prob", "predict", "backward", "log_prob_backward", "topk"}
var trace = []string{
	"cluster", "head_column", "head_logits", "head_log_prob", "tail.*.relative_target", "tail.*.hidden",
	"tail.*.logits", "tail.*.log_prob", "grad.head_logits", "grad.tail.*.hidden", "grad.tail.*.logits"}

// An error answer; kind is target, shape, cutoffs, config, dtype, unsupported or other.
type Refused struct{ kind, message string }

// Something that this port knowingly does not support: return nil, Skip("why").
type Skip string

func (e Refused) Error() string { return e.message }
func (e Skip) Error() string    { return string(e) }

type Number interface{ float32 | float64 }

type Tensor[T Number] struct {
	shape []int
	data  []T
}

func zeros[T Number](shape ...int) Tensor[T] {
	return Tensor[T]{shape, make([]T, product(shape))}
}

func product(shape []int) int {
	count := 1
	for _, size := range shape {
		count *= size
	}
	return count
}

// Row n of a matrix; what is written into it stands in the matrix.
func (t Tensor[T]) row(n int) []T { return t.data[n*t.shape[1] : (n+1)*t.shape[1]] }

// By name: "head.weight", "output", "grad.tail.0.1.weight".
type Tensors[T Number] map[string]Tensor[T]

// Numbers are float64 because some that are refused are no integers.
type Config struct {
	InFeatures float64   `json:"in_features"`
	NClasses   float64   `json:"n_classes"`
	Cutoffs    []float64 `json:"cutoffs"`
	DivValue   float64   `json:"div_value"`
	HeadBias   bool      `json:"head_bias"`
	// beyond the layer, in a few cases, so that you may return Skip:
	IgnoreIndex *int   `json:"ignore_index"` // rows with this target have output 0 and do not count in the loss
	Reduction   string `json:"reduction"`    // "" or "mean"; "sum" makes the loss a sum, "none" a number a row
}

// ---------------------------------------------------------------- the mathematics

func dot[T Number](a, b []T) (sum T) {
	for j, v := range a {
		sum += v * b[j]
	}
	return sum
}

func add[T Number](total, part []T) {
	for j, v := range part {
		total[j] += v
	}
}

// Of the first of the largest numbers.
func largest[T Number](z []T) int {
	top := 0
	for k, v := range z {
		if v > z[top] || v != v && z[top] == z[top] {
			top = k
		}
	}
	return top
}

// y = x W' + b of every row; without a bias it is empty.
func linear[T Number](x, weight, bias Tensor[T]) Tensor[T] {
	y := zeros[T](x.shape[0], weight.shape[0])
	for n := 0; n < x.shape[0]; n++ {
		for k := range y.row(n) {
			y.row(n)[k] = dot(weight.row(k), x.row(n))
		}
		add(y.row(n), bias.data)
	}
	return y
}

// Of y = x W': dW = dy' x.
func weightGradient[T Number](dy, x Tensor[T]) Tensor[T] {
	grad := zeros[T](dy.shape[1], x.shape[1])
	for n := 0; n < dy.shape[0]; n++ {
		for k, d := range dy.row(n) {
			addTimes(grad.row(k), d, x.row(n))
		}
	}
	return grad
}

// Of y = x W': dx = dy W.
func inputGradient[T Number](dy, weight Tensor[T]) Tensor[T] {
	grad := zeros[T](dy.shape[0], weight.shape[1])
	for n := 0; n < dy.shape[0]; n++ {
		for k, d := range dy.row(n) {
			addTimes(grad.row(n), d, weight.row(k))
		}
	}
	return grad
}

func addTimes[T Number](total []T, d T, x []T) {
	for j, v := range x {
		total[j] += d * v
	}
}

func exp[T Number](v T) T   { return T(math.Exp(float64(v))) }
func expm1[T Number](v T) T { return T(math.Expm1(float64(v))) }
func log1p[T Number](v T) T { return T(math.Log1p(float64(v))) }

// (z - max) - log1p(sum of the other exponentials): right to the last digit for the largest entry, too.
func logSoftmax[T Number](z Tensor[T]) Tensor[T] {
	logP := zeros[T](z.shape...)
	for n := 0; n < z.shape[0]; n++ {
		top, others := largest(z.row(n)), T(0)
		for k, v := range z.row(n) {
			logP.row(n)[k] = v - z.row(n)[top]
			if k != top {
				others += exp(logP.row(n)[k])
			}
		}
		for k := range logP.row(n) {
			logP.row(n)[k] -= log1p(others)
		}
	}
	return logP
}

// Of q[n] log_p[n, picked[n]]: dz[k] = q (1 at the picked one, else 0) - q p[k]; 1 - p is -expm1(log p).
func pickedBackward[T Number](logP Tensor[T], picked []int, q []T) Tensor[T] {
	dz := zeros[T](logP.shape...)
	for n, column := range picked {
		for k, v := range logP.row(n) {
			dz.row(n)[k] = -q[n] * exp(v)
		}
		dz.row(n)[column] = -q[n] * expm1(logP.row(n)[column])
	}
	return dz
}

// Of the sum of grad * log_p: dz[k] = grad[k] - p[k] sum(grad).  For the largest entry this is
// (1 - p) grad - p sum(the others), which does not cancel.
func logSoftmaxBackward[T Number](logP, grad Tensor[T]) Tensor[T] {
	dz := zeros[T](logP.shape...)
	for n := 0; n < logP.shape[0]; n++ {
		p, g, top, others := logP.row(n), grad.row(n), largest(logP.row(n)), T(0)
		for k, v := range g {
			if k != top {
				others += v
			}
		}
		for k := range p {
			dz.row(n)[k] = g[k] - exp(p[k])*(others+g[top])
		}
		dz.row(n)[top] = -expm1(p[top])*g[top] - exp(p[top])*others
	}
	return dz
}

// One softmax and the rows of the batch that it scores; the head has no hidden.
type scored[T Number] struct {
	rows, picked                []int // row of the batch; column of that row's target here
	input, hidden, logits, logP Tensor[T]
}

func scoreHead[T Number](params Tensors[T], input Tensor[T], rows []int) scored[T] {
	x := rowsOf(input, rows)
	logits := linear(x, params["head.weight"], params["head.bias"])
	return scored[T]{rows: rows, input: x, logits: logits, logP: logSoftmax(logits)}
}

func scoreTail[T Number](params Tensors[T], i int, input Tensor[T], rows []int) scored[T] {
	x := rowsOf(input, rows)
	hidden := linear(x, params[weight(i, 0)], Tensor[T]{})
	logits := linear(hidden, params[weight(i, 1)], params[tailBias(i)])
	return scored[T]{rows: rows, input: x, hidden: hidden, logits: logits, logP: logSoftmax(logits)}
}

func weight(i, which int) string { return fmt.Sprintf("tail.%d.%d.weight", i, which) }

func rowsOf[T Number](matrix Tensor[T], rows []int) Tensor[T] {
	part := zeros[T](len(rows), matrix.shape[1])
	for j, n := range rows {
		copy(part.row(j), matrix.row(n))
	}
	return part
}

func addRows[T Number](matrix, part Tensor[T], rows []int) {
	for j, n := range rows {
		add(matrix.row(n), part.row(j))
	}
}

func checkFeatures[T Number](config Config, input Tensor[T]) error {
	if input.shape[1] != int(config.InFeatures) {
		return Refused{"shape", fmt.Sprintf("rows should have %g features, but have %d", config.InFeatures,
			input.shape[1])}
	}
	return nil
}

// The rows that count: those whose target is not ignored.  A target that is no class is refused.
func counted[T Number](config Config, input Tensor[T], target []int) (rows []int, err error) {
	if err = checkFeatures(config, input); err != nil {
		return nil, err
	}
	if input.shape[0] != len(target) {
		return nil, Refused{"shape", fmt.Sprintf("%d rows, but %d targets", input.shape[0], len(target))}
	}
	for n, y := range target {
		if config.IgnoreIndex != nil && y == *config.IgnoreIndex {
			continue
		}
		if y < 0 || y >= int(config.NClasses) {
			return nil, Refused{"target", fmt.Sprintf("targets should be in 0 .. %g, but found %d",
				config.NClasses-1, y)}
		}
		rows = append(rows, n)
	}
	return rows, nil
}

// What forward computes and backward needs.
type pass[T Number] struct {
	cluster []int // of each row that counts: 0 is the short-list, i + 1 is tail i
	head    scored[T]
	tails   []scored[T]
}

func newPass[T Number](config Config, params Tensors[T], input Tensor[T], target []int) (*pass[T], error) {
	counting, err := counted(config, input, target)
	if err != nil {
		return nil, err
	}
	p := &pass[T]{head: scoreHead(params, input, counting)}
	rows, places := make([][]int, len(config.Cutoffs)), make([][]int, len(config.Cutoffs))
	for _, n := range counting {
		i := -1 // the short-list; the last tail that begins at or below the target
		for i+1 < len(config.Cutoffs) && int(config.Cutoffs[i+1]) <= target[n] {
			i++
		}
		p.cluster = append(p.cluster, i+1)
		if i < 0 {
			p.head.picked = append(p.head.picked, target[n])
			continue
		}
		p.head.picked = append(p.head.picked, int(config.Cutoffs[0])+i)
		rows[i] = append(rows[i], n)
		places[i] = append(places[i], target[n]-int(config.Cutoffs[i]))
	}
	for i := range config.Cutoffs {
		p.tails = append(p.tails, scoreTail(params, i, input, rows[i]))
		p.tails[i].picked = places[i]
	}
	return p, nil
}

func vectorOf[T Number](values []int) Tensor[T] {
	vector := zeros[T](len(values))
	for n, v := range values {
		vector.data[n] = T(v)
	}
	return vector
}

// "output" and "loss", and what TRACE announces.
func forward[T Number](config Config, params Tensors[T], input Tensor[T], target []int) (Tensors[T], error) {
	p, err := newPass(config, params, input, target)
	if err != nil {
		return nil, err
	}
	output := zeros[T](len(target))
	for _, part := range append([]scored[T]{p.head}, p.tails...) {
		for j, n := range part.rows {
			output.data[n] += part.logP.row(j)[part.picked[j]]
		}
	}
	found := Tensors[T]{"output": output, "loss": lossOf(config, output, len(p.head.rows)),
		"cluster": vectorOf[T](p.cluster), "head_column": vectorOf[T](p.head.picked),
		"head_logits": p.head.logits, "head_log_prob": p.head.logP}
	for i, tail := range p.tails {
		found[fmt.Sprintf("tail.%d.relative_target", i)] = vectorOf[T](tail.picked)
		found[fmt.Sprintf("tail.%d.hidden", i)] = tail.hidden
		found[fmt.Sprintf("tail.%d.logits", i)] = tail.logits
		found[fmt.Sprintf("tail.%d.log_prob", i)] = tail.logP
	}
	return found, nil
}

func lossOf[T Number](config Config, output Tensor[T], counting int) Tensor[T] {
	if config.Reduction == "none" {
		loss := zeros[T](output.shape...)
		for n, v := range output.data {
			loss.data[n] = 0 - v
		}
		return loss
	}
	loss := zeros[T]()
	for _, v := range output.data {
		loss.data[0] -= v
	}
	if config.Reduction != "sum" {
		loss.data[0] /= T(counting)
	}
	return loss
}

// Gradients of the sum of cotangent * output plus cotangent * loss; an absent cotangent is 0.
func backward[T Number](config Config, params Tensors[T], input Tensor[T], target []int,
	cotangents Tensors[T]) (Tensors[T], error) {
	p, err := newPass(config, params, input, target)
	if err != nil {
		return nil, err
	}
	q := outputGradient(config, cotangents, len(target), len(p.head.rows))
	dHead := pickedBackward(p.head.logP, p.head.picked, pick(q, p.head.rows))
	dTails := make([]Tensor[T], len(p.tails))
	for i, tail := range p.tails {
		dTails[i] = pickedBackward(tail.logP, tail.picked, pick(q, tail.rows))
	}
	return pullBack(params, input, p, dHead, dTails), nil
}

// dL/d output, of both cotangents.
func outputGradient[T Number](config Config, cotangents Tensors[T], rows, counting int) []T {
	q := make([]T, rows)
	add(q, cotangents["output"].data)
	loss, given := cotangents["loss"]
	for n := range q {
		switch {
		case !given:
		case config.Reduction == "none":
			q[n] -= loss.data[n]
		case config.Reduction == "sum":
			q[n] -= loss.data[0]
		default:
			q[n] -= loss.data[0] / T(counting)
		}
	}
	return q
}

func pick[T Number](values []T, places []int) []T {
	part := make([]T, len(places))
	for j, n := range places {
		part[j] = values[n]
	}
	return part
}

func tailBias(i int) string { return fmt.Sprintf("tail.%d.1.bias", i) }

func columnSums[T Number](dz Tensor[T]) Tensor[T] {
	sums := zeros[T](dz.shape[1])
	for n := 0; n < dz.shape[0]; n++ {
		add(sums.data, dz.row(n))
	}
	return sums
}

// Gradients of the weights and of the input, from those of the logits.
func pullBack[T Number](params Tensors[T], input Tensor[T], p *pass[T], dHead Tensor[T],
	dTails []Tensor[T]) Tensors[T] {
	dx := zeros[T](input.shape...)
	addRows(dx, inputGradient(dHead, params["head.weight"]), p.head.rows)
	grads := Tensors[T]{"grad.input": dx, "grad.head.weight": weightGradient(dHead, p.head.input),
		"grad.head.bias": columnSums(dHead), "grad.head_logits": dHead}
	for i, tail := range p.tails {
		dHidden := inputGradient(dTails[i], params[weight(i, 1)])
		addRows(dx, inputGradient(dHidden, params[weight(i, 0)]), tail.rows)
		grads["grad."+weight(i, 0)] = weightGradient(dHidden, tail.input)
		grads["grad."+weight(i, 1)] = weightGradient(dTails[i], tail.hidden)
		grads["grad."+tailBias(i)] = columnSums(dTails[i])
		grads[fmt.Sprintf("grad.tail.%d.hidden", i)] = dHidden
		grads[fmt.Sprintf("grad.tail.%d.logits", i)] = dTails[i]
	}
	return grads
}

// Head and all tails, of all rows.
func fullPass[T Number](config Config, params Tensors[T], input Tensor[T]) (*pass[T], error) {
	if err := checkFeatures(config, input); err != nil {
		return nil, err
	}
	rows := make([]int, input.shape[0])
	for n := range rows {
		rows[n] = n
	}
	p := &pass[T]{head: scoreHead(params, input, rows)}
	for i := range config.Cutoffs {
		p.tails = append(p.tails, scoreTail(params, i, input, rows))
	}
	return p, nil
}

// "log_prob": rows of n_classes numbers.
func logProb[T Number](config Config, params Tensors[T], input Tensor[T]) (Tensors[T], error) {
	p, err := fullPass(config, params, input)
	if err != nil {
		return nil, err
	}
	s, found := int(config.Cutoffs[0]), zeros[T](input.shape[0], int(config.NClasses))
	for n := 0; n < input.shape[0]; n++ {
		head := p.head.logP.row(n)
		copy(found.row(n), head[:s])
		for i, tail := range p.tails {
			for k, v := range tail.logP.row(n) {
				found.row(n)[int(config.Cutoffs[i])+k] = head[s+i] + v
			}
		}
	}
	return Tensors[T]{"log_prob": found}, nil
}

// As backward, of the sum of cotangent * log_prob.
func logProbBackward[T Number](config Config, params Tensors[T], input, cotangent Tensor[T]) (Tensors[T], error) {
	p, err := fullPass(config, params, input)
	if err != nil {
		return nil, err
	}
	s, toHead := int(config.Cutoffs[0]), zeros[T](p.head.logP.shape...)
	for n := 0; n < input.shape[0]; n++ {
		copy(toHead.row(n)[:s], cotangent.row(n))
	}
	dTails := make([]Tensor[T], len(p.tails))
	for i, tail := range p.tails {
		part := zeros[T](tail.logP.shape...)
		for n := 0; n < input.shape[0]; n++ {
			copy(part.row(n), cotangent.row(n)[int(config.Cutoffs[i]):])
			for _, v := range part.row(n) {
				toHead.row(n)[s+i] += v // log_prob = A[column] + B
			}
		}
		dTails[i] = logSoftmaxBackward(tail.logP, part)
	}
	return pullBack(params, input, p, logSoftmaxBackward(p.head.logP, toHead), dTails), nil
}

// "predict": the most probable class of each row.
func predict[T Number](config Config, params Tensors[T], input Tensor[T]) (Tensors[T], error) {
	found, err := logProb(config, params, input)
	if err != nil {
		return nil, err
	}
	best := zeros[T](input.shape[0])
	for n := range best.data {
		best.data[n] = T(largest(found["log_prob"].row(n)))
	}
	return Tensors[T]{"predict": best}, nil
}

// "topk.index", the k most probable classes of each row, the best first, and "topk.log_prob".
func topk[T Number](config Config, params Tensors[T], input Tensor[T], k int) (Tensors[T], error) {
	found, err := logProb(config, params, input)
	if err != nil {
		return nil, err
	}
	index, best := zeros[T](input.shape[0], k), zeros[T](input.shape[0], k)
	for n := 0; n < input.shape[0]; n++ {
		row, order := found["log_prob"].row(n), make([]int, int(config.NClasses))
		for c := range order {
			order[c] = c
		}
		sort.SliceStable(order, func(a, b int) bool { return row[order[a]] > row[order[b]] })
		for j, c := range order[:k] {
			index.row(n)[j], best.row(n)[j] = T(c), row[c]
		}
	}
	return Tensors[T]{"topk.index": index, "topk.log_prob": best}, nil
}

// ---------------------------------------------------------------- shapes: written, and worth reading

// a // b as Python has it: the floor of the exact quotient, where math.Floor(a / b) rounds first.
func floorDivide(a, b float64) float64 { return math.Round((a - math.Mod(a, b)) / b) }

// Shape of every weight; a configuration that makes no layer is refused.
func shapes(config Config) (map[string][]int, error) {
	features, classes, cutoffs := config.InFeatures, config.NClasses, config.Cutoffs
	if !(features >= 1 && classes >= 2 && config.DivValue > 0) {
		return nil, Refused{"config", fmt.Sprintf("no layer: %g features, %g classes, div_value %g", features,
			classes, config.DivValue)}
	}
	edges := append(append([]float64{}, cutoffs...), classes)
	increase := len(cutoffs) > 0 && edges[0] >= 1
	for i := range cutoffs {
		increase = increase && edges[i] < edges[i+1] && edges[i] == math.Floor(edges[i])
	}
	if !increase {
		return nil, Refused{"cutoffs", fmt.Sprintf("cutoffs should increase within 1 .. %g, but found %v",
			classes-1, cutoffs)}
	}
	head := int(cutoffs[0]) + len(cutoffs)
	found := map[string][]int{"head.weight": {head, int(features)}}
	if config.HeadBias {
		found["head.bias"] = []int{head}
	}
	for i := range cutoffs {
		power := math.Pow(config.DivValue, float64(i+1))
		if math.IsInf(power, 0) || power == 0 {
			return nil, Refused{"config", fmt.Sprintf("hidden size of tail %d is not finite", i)}
		}
		hidden := int(floorDivide(features, power))
		found[fmt.Sprintf("tail.%d.0.weight", i)] = []int{hidden, int(features)}
		found[fmt.Sprintf("tail.%d.1.weight", i)] = []int{int(edges[i+1] - edges[i]), hidden}
	}
	return found, nil
}

// ---------------------------------------------------------------- the protocol: nothing to change
//
// What encoding/json does (seen in Go 1.19), and where it matters here:
//   - NaN and infinities are refused with an error, in both directions: Real below writes and reads them as strings.
//   - A nil slice is written as null, an empty one as []: a tensor without numbers must be []; so write makes it.
//   - A float32 gets its own shortest digits, 0.1: right as a float32, another number as a float64.  Real is float64.
//   - null leaves a number as it was and is no error; keys match in upper and lower case alike.
//   - An int field refuses 2.0 and 1e3.  The judge writes integers, but config has fields that may be 2.5.
// bufio.Scanner stops at lines of 64 kB and the judge's are longer; bufio.Reader takes all.

type Real float64

func (r *Real) UnmarshalJSON(text []byte) error {
	words := map[string]float64{`"nan"`: math.NaN(), `"inf"`: math.Inf(1), `"-inf"`: math.Inf(-1)}
	if word, found := words[string(text)]; found {
		*r = Real(word)
		return nil
	}
	return json.Unmarshal(text, (*float64)(r))
}

func (r Real) MarshalJSON() ([]byte, error) {
	value := float64(r)
	switch {
	case math.IsNaN(value):
		return []byte(`"nan"`), nil
	case math.IsInf(value, 0):
		return json.Marshal(strings.TrimPrefix(strings.ToLower(fmt.Sprint(value)), "+"))
	}
	return json.Marshal(value)
}

type wireTensor struct {
	Shape []int  `json:"shape"`
	Data  []Real `json:"data"`
}

type request struct {
	Cmd        string                `json:"cmd"`
	Seq        *int                  `json:"seq"`
	Op         string                `json:"op"`
	Dtype      string                `json:"dtype"`
	Data       []Real                `json:"data"`
	Config     Config                `json:"config"`
	Params     map[string]wireTensor `json:"params"`
	Inputs     map[string]wireTensor `json:"inputs"`
	Cotangents map[string]wireTensor `json:"cotangents"`
	Want       []string              `json:"want"`
}

type object map[string]any

func read[T Number](from wireTensor) Tensor[T] {
	tensor := zeros[T](from.Shape...)
	for i, v := range from.Data {
		tensor.data[i] = T(v)
	}
	return tensor
}

func readAll[T Number](group map[string]wireTensor) Tensors[T] {
	found := Tensors[T]{}
	for key, tensor := range group {
		found[key] = read[T](tensor)
	}
	return found
}

func write[T Number](tensor Tensor[T], shape []int) wireTensor {
	to := wireTensor{append([]int{}, shape...), make([]Real, len(tensor.data))}
	for i, v := range tensor.data {
		to.Data[i] = Real(v)
	}
	return to
}

// All axes before the last made into one.
func asMatrix[T Number](tensor Tensor[T]) Tensor[T] {
	columns := tensor.shape[len(tensor.shape)-1]
	return Tensor[T]{[]int{product(tensor.shape[:len(tensor.shape)-1]), columns}, tensor.data}
}

func integers(from wireTensor) []int {
	found := make([]int, len(from.Data))
	for i, v := range from.Data {
		found[i] = int(v)
	}
	return found
}

// Targets have the batch axes of the input, seen here because they are flattened below.
func checkBatch(inputs map[string]wireTensor) error {
	rows := inputs["input"].Shape[:len(inputs["input"].Shape)-1]
	if target, given := inputs["target"]; given && fmt.Sprint(target.Shape) != fmt.Sprint(rows) {
		return Refused{"shape", fmt.Sprintf("target should have shape %v, but found %v", rows, target.Shape)}
	}
	return nil
}

// The shape of a result: with the batch axes that came; `own` where they do not stand in it.
func shapeOf(message request, key string, own []int) []int {
	input := message.Inputs["input"].Shape
	rows := input[:len(input)-1]
	switch {
	case key == "grad.input":
		return input
	case key == "output" || key == "predict" || key == "loss" && len(own) > 0:
		return rows
	case key == "log_prob" || strings.HasPrefix(key, "topk."):
		return append(append([]int{}, rows...), own[1])
	}
	return own
}

func run[T Number](message request) (object, error) {
	if err := checkBatch(message.Inputs); err != nil {
		return nil, err
	}
	config, params, cotangents := message.Config, readAll[T](message.Params), readAll[T](message.Cotangents)
	input, target := asMatrix(read[T](message.Inputs["input"])), integers(message.Inputs["target"])
	var found Tensors[T]
	err := error(Skip(message.Op + " is not written"))
	switch message.Op {
	case "forward":
		found, err = forward(config, params, input, target)
	case "backward":
		found, err = backward(config, params, input, target, cotangents)
	case "log_prob":
		found, err = logProb(config, params, input)
	case "log_prob_backward":
		found, err = logProbBackward(config, params, input, asMatrix(cotangents["log_prob"]))
	case "predict":
		found, err = predict(config, params, input)
	case "topk":
		found, err = topk(config, params, input, int(message.Inputs["k"].Data[0]))
	}
	results := map[string]wireTensor{}
	for _, key := range message.Want {
		if tensor, shown := found[key]; shown {
			results[key] = write(tensor, shapeOf(message, key, tensor.shape))
		}
	}
	return object{"results": results}, err
}

// The bits of the numbers as this port read them, and the numbers written again: a reader or a writer that rounds
// wrongly shows here.
func echo(message request) object {
	bits := make([]string, len(message.Data))
	for i, v := range message.Data {
		if message.Dtype == "float32" {
			bits[i] = fmt.Sprintf("%08x", math.Float32bits(float32(v)))
		} else {
			bits[i] = fmt.Sprintf("%016x", math.Float64bits(float64(v)))
		}
	}
	return object{"bits": bits, "data": message.Data}
}

func answer(message request) (object, error) {
	switch {
	case message.Cmd == "start":
		return object{"protocol": 1, "implementation": object{"name": name, "version": version, "language": "go"},
			"dtypes": dtypes, "ops": ops, "trace": trace, "layout": "out_in", "index_base": 0}, nil
	case message.Cmd == "echo":
		return echo(message), nil
	case message.Cmd == "shapes":
		found, err := shapes(message.Config)
		return object{"shapes": found}, err
	case message.Dtype == "float32":
		return run[float32](message)
	}
	return run[float64](message)
}

// The answer to one line, errors and panics among it: an uncaught one would end the process.
func reply(message request) (found object) {
	defer func() {
		if trouble := recover(); trouble != nil {
			found = object{"error": object{"kind": "other", "message": fmt.Sprint(trouble)}}
		}
		if message.Seq != nil {
			found["seq"] = *message.Seq
		}
	}()
	found, err := answer(message)
	switch problem := err.(type) {
	case Refused:
		found = object{"error": object{"kind": problem.kind, "message": problem.message}}
	case Skip:
		found = object{"skipped": true, "reason": string(problem)}
	case error:
		found = object{"error": object{"kind": "other", "message": problem.Error()}}
	}
	return found
}

func main() {
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var message request
		if err := json.Unmarshal(line, &message); err != nil {
			fmt.Fprintln(os.Stderr, "a request that cannot be read:", err)
			os.Exit(1)
		}
		if message.Cmd == "stop" {
			return
		}
		text, err := json.Marshal(reply(message))
		if err != nil {
			fmt.Fprintln(os.Stderr, "an answer that cannot be written:", err)
			os.Exit(1)
		}
		os.Stdout.Write(append(text, '\n')) // straight through, without a buffer that must be flushed
	}
}
