rule distill:
    input:
        task=lambda wildcards: RUN.task(prepared(wildcards.variant)),
        teachers=lambda wildcards: RUN.teacher_blocks(wildcards),
    output:
        f"{RESULTS}/cells/{{variant}}/{{teacher}}/{{student}}/{{method}}/{{identity}}/seeds~{{seeds}}.json",
    log:
        f"logs/{RUN.name}/distill/{{variant}}/{{teacher}}/{{student}}/{{method}}/{{identity}}/seeds~{{seeds}}.log",
    priority: 1
    conda:
        "../envs/python.yaml"
    threads: RUN.threads
    resources:
        gpu=RUN.gpus,
        mem_mb=lambda wildcards, attempt: RUN.memory_mb(wildcards.variant, attempt, MEMORY_MB),
        attempt=lambda wildcards, attempt: attempt,
    params:
        key=lambda wildcards: RUN.key(wildcards),
        teacher=lambda wildcards: RUN.teacher_folder(wildcards),
        options=lambda wildcards: RUN.distill_options,
        tuned=lambda wildcards: tuned.option(RUN.tuned, wildcards.variant, wildcards.method),
    message:
        "distilling {wildcards.teacher} into {wildcards.student} by {wildcards.method} on {wildcards.variant}, "
        "seeds {wildcards.seeds}"
    shell:
        "ABKD_ATTEMPT={resources.attempt} logged {log} python -m workflow.job workflow.steps.train {params.key} "
        "$(dirname {output}) --seeds {wildcards.seeds} --plan $ABKD_PLAN --task $(dirname {input.task}) "
        "--teacher {params.teacher} {params.options} {params.tuned}"
