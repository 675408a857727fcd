# One after the other, as they may load the same raw files, but beside trainings; and first, as trainings wait for them.
rule prepare:
    output:
        "data/tasks/{dataset}/task.json",
    log:
        "logs/prepare/{dataset}.log",
    priority: 2
    conda:
        "../envs/python.yaml"
    resources:
        preparing=1,
        mem_mb=lambda wildcards, attempt: RUN.memory_mb(wildcards.dataset, attempt, MEMORY_MB),
    params:
        settings=lambda wildcards: json.dumps(RUN.data_settings(wildcards.dataset)),
        code=lambda wildcards: RUN.loader_code(wildcards.dataset),
    message:
        "preparing {wildcards.dataset}"
    shell:
        "logged {log} python -m workflow.steps.prepare {wildcards.dataset} $(dirname {output}) "
        "--settings {params.settings:q}"
