"""What must hold on a GPU. Skipped where there is none; `ABKD_REHEARSE=1` runs it on the CPU, against itself."""
