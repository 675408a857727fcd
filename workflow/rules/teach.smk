# `{identity}` names the spec and the code of a training, see workflow/identity.py: another one is another file.
rule teach:
    input:
        task="data/tasks/{dataset}/task.json",
    output:
        f"{RESULTS}/teachers/{{dataset}}/{{teacher}}/{{identity}}/seeds~{{seeds}}.json",
    log:
        f"logs/{RUN.name}/teach/{{dataset}}/{{teacher}}/{{identity}}/seeds~{{seeds}}.log",
    priority: 1
    conda:
        "../envs/python.yaml"
    threads: RUN.threads
    resources:
        gpu=RUN.gpus,
        mem_mb=lambda wildcards, attempt: RUN.memory_mb(wildcards.dataset, attempt, MEMORY_MB),
        attempt=lambda wildcards, attempt: attempt,
    params:
        options=lambda wildcards: RUN.training_options,
    message:
        "teaching {wildcards.teacher} on {wildcards.dataset}, seeds {wildcards.seeds}"
    shell:
        "ABKD_ATTEMPT={resources.attempt} logged {log} python -m workflow.job workflow.steps.train "
        "{wildcards.dataset}/{wildcards.teacher} $(dirname {output}) --seeds {wildcards.seeds} --plan $ABKD_PLAN "
        "--task $(dirname {input.task}) {params.options}"
