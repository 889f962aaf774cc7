function port(requests, answers)
% A port of the adaptive log-softmax for GNU Octave, judged by
%
%     npadasoft conform -- octave-cli -qf --eval port
%
% in the folder of this file, which has the name of its first function (elsewhere: -p FOLDER before --eval).
% All that speaks to the judge is written.  Fill in the functions under "the mathematics", one after the
% other; when one is done, add its name to about.ops and run the judge again.
%
% The layer: classes 1 .. s are the short-list, s = cutoffs(1); tail i (its names count from 0) holds the classes
% from cutoffs(i+1) + 1 up to and including the next cutoff, the last tail up to n_classes.  With x one row of the
% input, W = head.weight, b = head.bias, P = tail.i.0.weight, U = tail.i.1.weight, all stored (out, in):
%
%     A = log_softmax(W x + b)            columns: class 1 .. s, then tail 0, 1, 2, ...
%     B = log_softmax(U (P x))            of tail i; a few cases, which you may skip, add tail.i.1.bias to its scores
%     log_prob(k) = A(k)                                  if k <= s
%                 = A(s + i + 1) + B(k - cutoffs(i+1))    if k is in tail i
%     output(n) = log_prob of row n at its target;    loss = -mean(output);    predict = argmax of log_prob
%
% The judge counts classes from 1 for this port (index_base), as Octave does; cutoffs are numbers of classes and
% stay what they are.  Names of tensors are fields with _ for the dot: params.head_weight, found.tail_0_hidden,
% grads.grad_tail_0_1_weight; field(...) makes them.  Weights and input come as matrices, a tensor of one axis as a
% column; give results back alike (sum and max along a named axis: without one, one row is summed to a number).
% Numbers are single where the judge asks for float32, and stay so as long as one operand is.  Batch axes come as
% one: a batch of 2 by 3 rows as six rows, one row without a batch as a batch of one; they go back as they came.
% Without a row the loss is the mean of nothing, NaN, and gradients are 0.
%
% MATLAB has all that is used here (it was run in Octave 7.3 alone), but no pipe to read lines from: there
%     port('requests.jsonl', 'answers.jsonl')
% answers what `npadasoft vectors export DIR --index-base 1` wrote, for `npadasoft verify`.
  if nargin == 0
    answer_lines(@() read_line(), 1);
  else
    in = fopen(requests, 'r');
    out = fopen(answers, 'w');
    answer_lines(@() fgetl(in), out);
    fclose(in);
    fclose(out);
  end
end

function about = about_port()
  about.name = 'my port';
  about.version = '0.1';
  about.dtypes = {'float64', 'float32'};
  about.ops = {'shapes'};       % then: 'forward', 'log_prob', 'predict', 'backward', 'log_prob_backward', 'topk'
  % others, the head alone (linear) among them: npadasoft port-template --protocol
  % intermediate tensors that you show, for a mistake to be found where it begins, of
  %   'cluster' (0 is the short-list, i + 1 is tail i), 'head_column', 'head_logits', 'head_log_prob',
  %   'tail.*.relative_target', 'tail.*.hidden', 'tail.*.logits', 'tail.*.log_prob', 'grad.head_logits',
  %   'grad.tail.*.hidden', 'grad.tail.*.logits'        (their numbers: npadasoft vectors show T03)
  about.trace = {};
  about.index_base = 1;
end

% An error answer; kind is target, shape, cutoffs, config, dtype, unsupported or other.
function refuse(kind, varargin)
  error(['refused:' kind], varargin{:});
end

% Something that this port knowingly does not support.
function skip(reason)
  error('refused:skip', '%s', reason);
end

% ---------------------------------------------------------------- the mathematics: yours to write

% found.output, found.loss, and what the trace announces.
% A target outside 1 .. n_classes: refuse('target', ...).  Rows without in_features numbers: refuse('shape', ...),
% here and below.  A few cases go beyond the layer, so that you may skip: where config has ignore_index, rows with
% that target have output 0 and do not count in the loss; where it has reduction, 'sum' makes the loss a sum,
% 'none' a number a row.
function found = forward(config, params, input, target)
  skip('forward is not written yet');
end

% grads.grad_input, grads.grad_head_weight, ..., shaped as what they are the gradient of.  cotangents may hold
% output (one number a row) and loss (a number); an absent one is 0.  Of the sum over both.  A tail without a
% target has gradients of zero.
function grads = backward(config, params, input, target, cotangents)
  skip('backward is not written yet');
end

% A matrix with n_classes columns.
function log_p = log_prob(config, params, input)
  skip('log_prob is not written yet');
end

% As backward, of the sum of cotangent .* log_prob.
function grads = log_prob_backward(config, params, input, cotangent)
  skip('log_prob_backward is not written yet');
end

% The most probable class of each row, counted from 1: a column.
function classes = predict(config, params, input)
  skip('predict is not written yet');
end

% found.topk_index, the k most probable classes of each row, the best first, and found.topk_log_prob: (rows, k).
% Beyond the layer; k may be 0 and n_classes.
function found = topk(config, params, input, k)
  skip('topk is not written yet');
end

% ---------------------------------------------------------------- shapes: written, and worth reading

% Shape of every weight; a configuration that makes no layer is refused.
function found = shapes(config)
  cutoffs = config.cutoffs;
  edges = [cutoffs; config.n_classes];
  if ~(config.in_features >= 1 && config.n_classes >= 2 && config.div_value > 0)
    refuse('config', 'no layer: %g features, %g classes, div_value %g', config.in_features, config.n_classes, ...
           config.div_value);
  end
  if isempty(cutoffs) || cutoffs(1) < 1 || any(diff(edges) <= 0) || any(cutoffs ~= floor(cutoffs))
    refuse('cutoffs', 'cutoffs should increase within 1 .. %d, but found [%s]', config.n_classes - 1, ...
           sprintf(' %g', cutoffs));
  end
  head = cutoffs(1) + numel(cutoffs);
  found = {'head.weight', [head, config.in_features]};
  if config.head_bias, found(end + 1, :) = {'head.bias', head}; end
  for i = 1:numel(cutoffs)
    power = config.div_value ^ i;
    if ~isfinite(power) || power == 0, refuse('config', 'hidden size of tail %d is not finite', i - 1); end
    hidden = floor_divide(config.in_features, power);
    found(end + 1, :) = {sprintf('tail.%d.0.weight', i - 1), [hidden, config.in_features]};
    found(end + 1, :) = {sprintf('tail.%d.1.weight', i - 1), [edges(i + 1) - edges(i), hidden]};
  end
end

% a // b as Python has it: floor of the exact quotient, the largest n with n b <= a.  floor(a / b) rounds first,
% and mod and rem take a quotient near an integer for one: mod(1024, 1.6) is 0 in Octave 7.3, exactly 1.59...94.
% With b in two halves of 26 bits all products below are exact.
function n = floor_divide(a, b)
  n = round(a / b);
  [fraction, power] = log2(b);
  high = floor(fraction * 2^26) * 2^(power - 26);
  if (n * high - a) + n * (b - high) > 0, n = n - 1; end
end

% ---------------------------------------------------------------- the protocol: nothing to change
%
% What Octave 7.3 does, and where it matters here:
%   - fgetl and fgets of stdin look one character beyond the line's end, and wait for the next request before this
%     one is answered; input('', 's') does not.  stdout is kept back until fflush.
%   - jsondecode reads one number in five one or two ulps wrong (130.65331632653061); str2double reads all of them
%     right.  So numbers are put in quotes first, and are read as text.
%   - jsonencode makes a number of a list of one, and null of nan and inf; single is an error.  sprintf it is.
%   - jsondecode makes head_weight of "head.weight", and [] of null.
%   - sum, max, find of one row or of 1 by 1 go along another axis, or give another shape.

function text = field(pattern, varargin)
  text = strrep(sprintf(pattern, varargin{:}), '.', '_');
end

% -1 at the end of stdin, as fgetl has it.
function line = read_line()
  try
    line = input('', 's');
  catch
    line = -1;
  end
end

function answer_lines(next_line, out)
  line = next_line();
  while ischar(line)
    message = jsondecode(regexprep(line, '([\[,:]\s*)(-?\d[-+.\deE]*)', '$1"$2"'));
    if strcmp(message.cmd, 'stop'), break; end
    seq = '';
    if isfield(message, 'seq') && ~isempty(message.seq), seq = ['"seq":' message.seq ',']; end
    fprintf(out, '{%s%s}\n', seq, answer(message));
    if out == 1, fflush(stdout); end
    line = next_line();
  end
end

function text = answer(message)
  try
    switch message.cmd
      case 'start', text = start();
      case 'echo', text = echo(message);
      case 'shapes', text = write_shapes(shapes(read_config(message.config)));
      otherwise, text = run(message);
    end
  catch problem
    kind = strrep(problem.identifier, 'refused:', '');
    if strcmp(kind, 'skip')
      text = sprintf('"skipped":true,"reason":%s', quoted(problem.message));
    else
      if strcmp(kind, problem.identifier), kind = 'other'; end
      text = sprintf('"error":{"kind":"%s","message":%s}', kind, quoted(problem.message));
    end
  end
end

function text = start()
  about = about_port();
  text = sprintf(['"protocol":1,"implementation":{"name":%s,"version":%s,"language":"octave"},"dtypes":[%s],' ...
                  '"ops":[%s],"trace":[%s],"layout":"out_in","index_base":%d'], quoted(about.name), ...
                 quoted(about.version), quoted(about.dtypes), quoted(about.ops), quoted(about.trace), ...
                 about.index_base);
end

% A text as JSON, or those of a cell array with commas between.
function text = quoted(value)
  if iscell(value)
    text = strjoin(cellfun(@quoted, value, 'UniformOutput', false), ',');
  else
    value = regexprep(value, '([\\"])', '\\$1');
    text = ['"' regexprep(value, '[\x00-\x1f]', ' ') '"'];
  end
end

% Numbers that came in quotes: a column.
function numbers = read_numbers(texts)
  if isempty(texts)
    numbers = zeros(0, 1);
  else
    numbers = reshape(str2double(texts), [], 1);
  end
end

% A list as JSON, all 17 digits.
function text = write_numbers(numbers)
  text = sprintf('%.17g,', double(numbers));
  text = strrep(strrep(strrep(text, 'NaN', '"nan"'), '-Inf', '"-inf"'), 'Inf', '"inf"');
  text = ['[' text(1:end - 1) ']'];
end

% The bits of the numbers as this port read them, and the numbers written again: a reader or a writer that rounds
% wrongly shows here.
function text = echo(message)
  numbers = read_numbers(message.data);
  if strcmp(message.dtype, 'float32'), numbers = single(numbers); end
  bits = cellstr(num2hex(numbers));
  text = ['"bits":[' quoted(bits') '],"data":' write_numbers(numbers)];
end

% A tensor as a column, or as a matrix: all axes before the last made into one.
function value = read_tensor(tensor, axes, dtype)
  shape = read_numbers(tensor.shape)';
  value = read_numbers(tensor.data);
  if strcmp(dtype, 'float32'), value = single(value); end
  if axes == 2
    value = reshape(value, shape(end), prod(shape(1:end - 1)))';        % Octave stores columns, JSON has rows
  end
end

function config = read_config(from)
  config = from;
  for name = {'in_features', 'n_classes', 'cutoffs', 'div_value', 'ignore_index'}
    if isfield(from, name{1}), config.(name{1}) = read_numbers(from.(name{1})); end
  end
end

% Targets have the batch axes of the input, seen here because they are flattened below.
function check_batch(inputs)
  if isfield(inputs, 'target')
    rows = read_numbers(inputs.input.shape(1:end - 1));
    found = read_numbers(inputs.target.shape);
    if ~isequal(rows, found)
      refuse('shape', 'target should have shape [%s], but found [%s]', sprintf(' %d', rows), sprintf(' %d', found));
    end
  end
end

function group = read_group(from, dtype)
  group = struct();
  for name = fieldnames(from)'
    tensor = from.(name{1});
    axes = 1;                   % a target, a bias, cotangents of output and loss; all else is a matrix
    if numel(tensor.shape) > 1 && ~any(strcmp(name{1}, {'target', 'output', 'loss'})), axes = 2; end
    if any(strcmp(name{1}, {'input', 'log_prob'})), axes = 2; end
    group.(name{1}) = read_tensor(tensor, axes, dtype);
  end
end

function text = run(message)
  check_batch(message.inputs);
  config = read_config(message.config);
  params = read_group(message.params, message.dtype);
  inputs = read_group(message.inputs, message.dtype);
  if isfield(inputs, 'target'), inputs.target = double(inputs.target); end
  cotangents = read_group(message.cotangents, message.dtype);
  switch message.op
    case 'forward', found = forward(config, params, inputs.input, inputs.target);
    case 'backward', found = backward(config, params, inputs.input, inputs.target, cotangents);
    case 'log_prob', found.log_prob = log_prob(config, params, inputs.input);
    case 'log_prob_backward', found = log_prob_backward(config, params, inputs.input, cotangents.log_prob);
    case 'predict', found.predict = predict(config, params, inputs.input);
    case 'topk', found = topk(config, params, inputs.input, double(inputs.k));
    otherwise, skip([message.op ' is not written']);
  end
  parts = {};
  for name = reshape(message.want, 1, [])
    if isfield(found, field(name{1}))
      value = found.(field(name{1}));
      shape = shape_of(message, name{1}, value);
      parts{end + 1} = sprintf('%s:{"shape":%s,"data":%s}', quoted(name{1}), write_numbers(shape), ...
                               write_numbers(reshape(value.', [], 1)));
    end
  end
  text = ['"results":{' strjoin(parts, ',') '}'];
end

% The shape of a result, known from the request where it has batch axes: a column here is one axis there, and the
% loss is a number, or one a row where reduction is none.
function shape = shape_of(message, name, value)
  input = read_numbers(message.inputs.input.shape)';
  rows = input(1:end - 1);
  like = strrep(field(name), 'grad_', '');
  reduction = 'mean';
  if isfield(message.config, 'reduction'), reduction = message.config.reduction; end
  if strcmp(name, 'grad.input')
    shape = input;
  elseif strncmp(name, 'grad.', 5) && isfield(message.params, like)
    shape = read_numbers(message.params.(like).shape);
  elseif any(strcmp(name, {'output', 'predict'})) || strcmp(name, 'loss') && strcmp(reduction, 'none')
    shape = rows;
  elseif strcmp(name, 'loss')
    shape = [];
  elseif strcmp(name, 'log_prob') || strncmp(name, 'topk.', 5)
    shape = [rows, size(value, 2)];
  elseif any(strcmp(name, {'cluster', 'head_column'})) || ~isempty(strfind(name, 'relative_target'))
    shape = numel(value);
  else
    shape = size(value);
  end
end

function text = write_shapes(found)
  parts = cell(1, size(found, 1));
  for i = 1:size(found, 1)
    parts{i} = sprintf('%s:%s', quoted(found{i, 1}), write_numbers(found{i, 2}));
  end
  text = ['"shapes":{' strjoin(parts, ',') '}'];
end
