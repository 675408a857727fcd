set -o pipefail
export PYTHONUNBUFFERED=1 OMP_NUM_THREADS=1 MPLBACKEND=Agg
python3 -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --upgrade --target /tmp/site .whl/*.whl 2>&1 | tail -3
export PYTHONPATH=/tmp/site
nvidia-smi --query-gpu=name,memory.total --format=csv,noheader; date
timeout 120 python3 scratch_gpu.py 2>&1 | tee $OUT/products.txt | tail -75 &
P=$!
wait $P
date
timeout 150 python3 -m pytest -q tests/gpu -k "not smoke" -n 6 --durations=5 -p no:cacheprovider 2>&1 | tee $OUT/tests.txt | tail -60 | cut -c1-300
date
timeout 100 python3 -m tests.benchmarks gpu_epochs --in-process --output $OUT/bench 2>&1 | tee $OUT/epochs.txt | cut -c1-220
date
