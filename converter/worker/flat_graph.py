"""A SavedModel's graph with its function calls opened, so that every tensor in it can be fetched.

TensorFlow 2 keeps a model inside functions, whose tensors a session cannot fetch. A call that is
met on the way back from the outputs gets a copy of its function's body beside it, in the scope
`<call>/body`; the copy reads what the call reads, so its tensors have the values of the call's.
Loops and conditions stay closed: their tensors have no one value.
"""

CALLS = ("PartitionedCall", "StatefulPartitionedCall")
# Control flow of TensorFlow 1: what is between these has no one value, or may have none.
LOOPS = (("Enter", "RefEnter"), ("Exit", "RefExit"))
BRANCHES = (("Switch", "RefSwitch"), ("Merge", "RefMerge"))


class FlatGraph:
    """The graph of a loaded SavedModel (saved_model.Served) as seen from one signature.

    feeds, outputs: tensors by signature key. operations: those that an output is computed by, each
    after what it reads (but for loops). users: operations by the name of the tensor they read.
    live: the operations whose values depend on what is fed and which can be fetched.
    """

    def __init__(self, served, signature):
        definition = served.meta_graph.signature_def[signature]
        self.graph = served.graph
        self._functions = {
            function.signature.name: function
            for function in served.meta_graph.graph_def.library.function
        }
        self._copies = {}
        tensor = self.graph.get_tensor_by_name
        self.feeds = {key: tensor(info.name) for key, info in definition.inputs.items()}
        self.outputs = {key: self._real(tensor(i.name)) for key, i in definition.outputs.items()}
        self.operations = self._reached()
        self.users = {}
        for operation in self.operations:
            for read in self.reads(operation):
                self.users.setdefault(read.name, []).append(operation)
        names = self._behind(tensor.op for tensor in self.feeds.values())
        looped = self._between(*LOOPS)
        names -= looped | self._between(*BRANCHES, but=looped)
        self.live = [operation for operation in self.operations if operation.name in names]

    def reads(self, operation):
        """The tensors that `operation` reads."""
        return [self._real(tensor) for tensor in operation.inputs]

    def back(self, tensor, stops):
        """(operations that `tensor` is computed by, names of the tensors in `stops` they read),
        not looking behind tensors whose names are in `stops`.
        """
        seen = {tensor.op.name: tensor.op}
        met = set()
        stack = [tensor.op]
        while stack:
            for read in self.reads(stack.pop()):
                if read.name in stops:
                    met.add(read.name)
                elif read.op.name not in seen:
                    seen[read.op.name] = read.op
                    stack.append(read.op)
        return list(seen.values()), met

    def _reached(self):
        order, entered = [], set()
        stack = [(tensor.op, False) for tensor in self.outputs.values()]
        while stack:
            operation, finished = stack.pop()
            if finished:
                order.append(operation)
            elif operation.name not in entered:
                entered.add(operation.name)
                stack.append((operation, True))
                stack += [(read.op, False) for read in self.reads(operation)]
        return order

    def _between(self, starts, ends, but=()):
        opened = (o for o in self.operations if o.type in starts and o.name not in but)
        return self._behind(opened, ends)

    def _behind(self, operations, ends=()):
        """Names of `operations` and of those computed by them, up to those of the types `ends`."""
        names = set()
        stack = list(operations)
        while stack:
            operation = stack.pop()
            if operation.name not in names and operation.type not in ends:
                names.add(operation.name)
                for tensor in operation.outputs:
                    stack += self.users.get(tensor.name, ())
        return names

    def _real(self, tensor):
        """`tensor`, or the one inside a function's copy that its call hands out."""
        while self._function(tensor.op) is not None:
            if tensor.op.name not in self._copies:
                self._copies[tensor.op.name] = self._copy(tensor.op)
            tensor = self._copies[tensor.op.name][tensor.value_index]
        return tensor

    def _function(self, operation):
        """The definition of the function that `operation` calls, if it does."""
        if operation.type in CALLS:
            return self._functions.get(operation.get_attr("f").name)
        return self._functions.get(operation.type)

    def _copy(self, call):
        """Copy the function of `call` into the graph; the tensors that the call hands out."""
        import tensorflow as tf
        from tensorflow.python.framework.function_def_to_graph import function_def_to_graph_def

        function = self._function(call)
        arguments = [argument.name for argument in function.signature.input_arg]
        given = {"%s:0" % name: self._real(tensor) for name, tensor in zip(arguments, call.inputs)}
        with self.graph.as_default():
            body, flat_names = function_def_to_graph_def(function)
            for node in body.node:
                # Nothing waits for an argument, whose placeholder is not fed.
                kept = [name for name in node.input if name[1:] not in arguments]
                del node.input[:]
                node.input.extend(kept)
                node.attr.pop("_class", None)  # stands beside a node by the name it had before
            read = {name for node in body.node for name in node.input}
            returned = [flat_names[function.ret[o.name]] for o in function.signature.output_arg]
            inner = [name for name in returned if name not in given]
            tensors = tf.import_graph_def(
                body,
                input_map={name: tensor for name, tensor in given.items() if name in read},
                return_elements=inner,
                name=call.name + "/body",
            )
        by_name = dict(given, **dict(zip(inner, tensors)))
        return [self._real(by_name[name]) for name in returned]
