// A port of the adaptive log-softmax, judged by
//
//	go build -o port port.go && npadasoft conform -- ./port
//
// Needs Go 1.18 or newer and nothing else.
// All that speaks to the judge is written.  Fill in the functions under "the mathematics", one after the
// other; when one is done, add its name to ops and run the judge again.
//
// The layer: classes 0 .. s-1 are the short-list, s = cutoffs[0]; tail i (from 0) holds the classes from
// cutoffs[i] up to the next cutoff, the last tail up to n_classes.  A target equal to a cutoff belongs to the
// tail that begins there.  With x one row of the input, W = head.weight, b = head.bias, P = tail.i.0.weight,
// U = tail.i.1.weight, all stored (out, in):
//
//	A = log_softmax(W x + b)            columns: class 0 .. s-1, then tail 0, 1, 2, ...
//	B = log_softmax(U (P x))            of tail i; a few cases, which you may skip, add tail.i.1.bias to its scores
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
	"strings"
)

const name, version = "my port", "0.1"

var dtypes = []string{"float64", "float32"}
var ops = []string{"shapes"} // then: "forward", "log_prob", "predict", "backward", "log_prob_backward", "topk"
// others, the head alone (linear) among them: npadasoft port-template --protocol

// intermediate tensors that you show, for a mistake to be found where it begins, of
//
//	"cluster" (0 is the short-list, i + 1 is tail i), "head_column", "head_logits", "head_log_prob",
//	"tail.*.relative_target", "tail.*.hidden", "tail.*.logits", "tail.*.log_prob", "grad.head_logits",
//	"grad.tail.*.hidden", "grad.tail.*.logits"        (their numbers: npadasoft vectors show T03)
var trace = []string{}

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

// ---------------------------------------------------------------- the mathematics: yours to write

// "output" and "loss", and what TRACE announces.
// A target outside 0 .. n_classes-1: return nil, Refused{"target", "..."}.  Rows without in_features numbers:
// Refused{"shape", "..."}, here and below.
func forward[T Number](config Config, params Tensors[T], input Tensor[T], target []int) (Tensors[T], error) {
	return nil, Skip("forward is not written yet")
}

// "grad.input", "grad.head.weight", ..., shaped as what they are the gradient of.  The cotangents may hold
// "output" (one number a row) and "loss" (one number); an absent one is 0.  Of the sum over both.
// A tail without a target has gradients of zero.
func backward[T Number](config Config, params Tensors[T], input Tensor[T], target []int,
	cotangents Tensors[T]) (Tensors[T], error) {
	return nil, Skip("backward is not written yet")
}

// "log_prob": rows of n_classes numbers.
func logProb[T Number](config Config, params Tensors[T], input Tensor[T]) (Tensors[T], error) {
	return nil, Skip("log_prob is not written yet")
}

// As backward, of the sum of cotangent * log_prob.
func logProbBackward[T Number](config Config, params Tensors[T], input, cotangent Tensor[T]) (Tensors[T], error) {
	return nil, Skip("log_prob_backward is not written yet")
}

// "predict": the most probable class of each row.
func predict[T Number](config Config, params Tensors[T], input Tensor[T]) (Tensors[T], error) {
	return nil, Skip("predict is not written yet")
}

// "topk.index", the k most probable classes of each row, the best first, and "topk.log_prob": both (rows, k).
// Beyond the layer; k may be 0 and n_classes.
func topk[T Number](config Config, params Tensors[T], input Tensor[T], k int) (Tensors[T], error) {
	return nil, Skip("topk is not written yet")
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
