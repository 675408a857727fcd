rule distill:
    input:
        task="data/tasks/{dataset}/task.json",
        teachers=lambda wildcards: RUN.teacher_rows(wildcards.dataset, wildcards.teacher, wildcards.seeds),
    output:
        rows=f"{RESULTS}/cells/{{dataset}}/{{teacher}}/{{student}}/{{method}}/seeds~{{seeds}}/rows.json",
    log:
        f"logs/{RUN.name}/distill/{{dataset}}/{{teacher}}/{{student}}/{{method}}/seeds~{{seeds}}.log",
    conda:
        "../envs/python.yaml"
    threads: RUN.threads
    resources:
        gpu=RUN.gpus,
        mem_mb=lambda wildcards: RUN.memory_mb(wildcards.dataset),
    params:
        spec=lambda wildcards: RUN.cell_spec(wildcards),
        machine=lambda wildcards: RUN.distill_machine,
        code=lambda wildcards: RUN.cell_code(wildcards),
    message:
        "distilling {wildcards.teacher} into {wildcards.student} by {wildcards.method} on {wildcards.dataset}, "
        "seeds {wildcards.seeds}"
    shell:
        "python -m workflow.fork_server workflow.steps.distill --spec {params.spec:q} --seeds {wildcards.seeds} "
        "--task $(dirname {input.task}) --teachers $(dirname {input.teachers}) --output $(dirname {output.rows}) "
        "{params.machine} > {log} 2>&1 || {{ tail -n 5 {log} >&2; exit 1; }}"
