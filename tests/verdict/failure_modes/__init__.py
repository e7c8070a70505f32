"""How conversions and servings go wrong in public trackers, planted with a real TensorFlow.

The numbers in the docstrings are these:

    1 hard_sigmoid of another Keras            test_meanings; kept out: tests/test_rules.py
    2 weights matched by order                 test_weights; kept out: tests/test_rules.py
    3 bilinear resizing                        test_meanings; kept out: tests/test_rules.py
    4 h5py 3 with an old Keras                 test_loading; locked: tests/toolchain/test_catalog.py
    5-10 dialects of configs                   test_loading; translated: tests/test_pipeline.py
    11 losses and metrics of the user's        test_loading
    12 bytecode of another Python              test_loading; read: tests/source/test_bytecode.py
    13 weights only                            test_loading; tests/test_pipeline.py
    14 weights of another architecture         test_loading; tests/source/test_read.py
    15 learning phase, dropout, batch norm     test_phase
    16 variables given new values on loading   test_weights
    17 variables without values                test_weights
    18 other answers, same model               all of them
    19 operations newer than the server        test_servers; frozen: tests/worker/test_strategies.py
    20 operations of Python and extensions     test_servers
    21 operations for GPUs only                test_servers; tests/test_pipeline.py
    22 names of signatures and inputs          test_names, test_servers
    23 order and names of outputs              test_names; tests/test_pipeline.py
    24 names with spaces                       tests/worker/test_strategies.py
    25 layout of the folder                    test_servers, test_weights; tests/test_publish.py
    26 another processor                       test_servers; tests/serving/docker/test_failures.py
    27 limit of gRPC messages                  test_servers; tests/serving/client/test_grpc.py
    29 types that REST cannot carry            test_servers; tests/serving/client/test_rest.py
    30 protobuf 4 with an old TensorFlow       test_loading; locked: tests/toolchain/test_catalog.py
    31 readiness                               tests/serving/docker/test_serve.py
    32 warm-up                                 tests/serving/server/test_warmup.py
    33 an image that changed                   test_names; pinned: tests/serving/docker/test_pull.py
    34 configs that are no strict JSON         tests/source/test_hdf5.py
    35, 36 functions in place of their names   test_loading
    37 outputs that rows cannot carry          test_servers; tests/serving/client/test_rest.py

28 is about speed: benchmarks/serving.py.
"""
