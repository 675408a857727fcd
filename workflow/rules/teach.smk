rule teach:
    input:
        task="data/tasks/{dataset}/task.json",
    output:
        rows=f"{RESULTS}/teachers/{{dataset}}/{{teacher}}/seeds~{{seeds}}/rows.json",
    log:
        f"logs/{RUN.name}/teach/{{dataset}}/{{teacher}}/seeds~{{seeds}}.log",
    conda:
        "../envs/python.yaml"
    threads: RUN.threads
    resources:
        gpu=RUN.gpus,
        mem_mb=lambda wildcards: RUN.memory_mb(wildcards.dataset),
    params:
        spec=lambda wildcards: RUN.teacher_spec(wildcards.dataset, wildcards.teacher),
        machine=lambda wildcards: RUN.machine,
        code=lambda wildcards: RUN.teacher_code(wildcards.dataset, wildcards.teacher),
    message:
        "teaching {wildcards.teacher} on {wildcards.dataset}, seeds {wildcards.seeds}"
    shell:
        "python -m workflow.fork_server workflow.steps.teach --spec {params.spec:q} --seeds {wildcards.seeds} "
        "--task $(dirname {input.task}) --output $(dirname {output.rows}) {params.machine} "
        "> {log} 2>&1 || {{ tail -n 5 {log} >&2; exit 1; }}"
