# All cores are asked for, so that nothing else runs while latencies are taken; last, as cores would wait for each other.
rule measure:
    input:
        task="data/tasks/{dataset}/task.json",
    output:
        f"{RESULTS}/measurements/{{dataset}}~{{identity}}.json",
    log:
        f"logs/{RUN.name}/measure/{{dataset}}~{{identity}}.log",
    conda:
        "../envs/python.yaml"
    threads: CORES
    resources:
        gpu=RUN.gpus,
        mem_mb=lambda wildcards, attempt: RUN.memory_mb(wildcards.dataset, attempt, MEMORY_MB),
    params:
        options=lambda wildcards: RUN.machine,
    message:
        "measuring all networks on {wildcards.dataset}"
    shell:
        "logged {log} python -m workflow.steps.measure --plan $ABKD_PLAN --task $(dirname {input.task}) "
        "--output {output} {params.options}"
