set -o pipefail
export PYTHONUNBUFFERED=1 OMP_NUM_THREADS=1 MPLBACKEND=Agg
python3 -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --upgrade --target /tmp/site .whl/*.whl 2>&1 | tail -3
export PYTHONPATH=/tmp/site PATH=/tmp/site/bin:$PATH
date
timeout 100 python3 -m pytest -q tests/gpu -k "not smoke" -n 6 -p no:cacheprovider -W ignore --durations=3 2>&1 | tee $OUT/tests.txt | tail -25 | cut -c1-200
date
timeout 80 python3 -m tests.benchmarks gpu_products gpu_epochs --output $OUT/bench 2>&1 | grep -v Warn | tee $OUT/epochs.txt | cut -c1-200
date
timeout 130 python3 -m tests.benchmarks gpu_seeds --output $OUT/bench 2>&1 | grep -v epoch | tail -12 | cut -c1-300
date
timeout 150 python3 -m pytest -q tests/gpu -k smoke -p no:cacheprovider -W ignore 2>&1 | tee $OUT/smoke.txt | tail -60 | cut -c1-250 > $OUT/smoke_tail.txt &
P=$!
timeout 110 python3 -m tests.benchmarks gpu_memory --output $OUT/bench 2>&1 | tail -12 | cut -c1-300
date
wait $P; cat $OUT/smoke_tail.txt | tail -40
date
