set -o pipefail
export PYTHONUNBUFFERED=1 OMP_NUM_THREADS=1 MPLBACKEND=Agg
python3 -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --upgrade --target /tmp/site .whl/*.whl 2>&1 | tail -3
export PYTHONPATH=/tmp/site
date
timeout 150 python3 -m pytest -q tests/gpu -k "not smoke" -n 6 -p no:cacheprovider -W ignore 2>&1 | tee $OUT/tests.txt | tail -40 | cut -c1-200
date
timeout 60 python3 -m tests.benchmarks gpu_products --output $OUT/bench 2>&1 | tee $OUT/products.txt | cut -c1-200
timeout 100 python3 -m tests.benchmarks gpu_epochs --output $OUT/bench 2>&1 | grep -v Warn | tee $OUT/epochs.txt | cut -c1-220
date
timeout 60 python3 profile_gpu.py 2>&1 | tee $OUT/profile.txt | tail -150 | cut -c1-180
date
