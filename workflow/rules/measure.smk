# All cores are asked for, so that nothing else runs while latencies are taken.
rule measure:
    input:
        task="data/tasks/{dataset}/task.json",
    output:
        f"{RESULTS}/measurements/{{dataset}}.json",
    log:
        f"logs/{RUN.name}/measure/{{dataset}}.log",
    conda:
        "../envs/python.yaml"
    threads: workflow.cores
    resources:
        gpu=RUN.gpus,
        mem_mb=lambda wildcards: RUN.memory_mb(wildcards.dataset),
    params:
        models=lambda wildcards: RUN.networks(wildcards.dataset),
        machine=lambda wildcards: RUN.machine,
        code=lambda wildcards: RUN.measuring_code(wildcards.dataset),
    message:
        "measuring all networks on {wildcards.dataset}"
    shell:
        "python -m workflow.steps.measure --models {params.models:q} --task $(dirname {input.task}) "
        "--output {output} {params.machine} > {log} 2>&1 || {{ tail -n 5 {log} >&2; exit 1; }}"
